//! `runtrail check`.

use super::support::Session;

const FINE: &str = "[[processors]]
name = \"redact\"
[[processors]]
name = \"drop_ops\"
ops = [\"debug.*\"]
[[exporters]]
name = \"parquet\"
path = \"lake\"
[[exporters]]
name = \"json\"
path = \"runs\"
[[exporters]]
name = \"otlp\"
[[exporters]]
name = \"otlp\"
endpoint = \"https://user:hunter2@collect.example.org/v1/traces?key=hunter2\"
";

const WRONG: &str = "enabeld = true
[[processors]]
name = \"redcat\"
[[exporters]]
name = \"json\"
paths = \"hunter2\"
";

#[test]
fn a_configuration_is_checked_as_a_whole() {
    let mut session = Session::new();
    session.write("fine.toml", FINE);
    session.write("wrong.toml", WRONG);
    session.write("off.toml", "enabled = false");
    session
        .tell(&["check", "fine.toml"])
        .tell(&["check", "wrong.toml"])
        .tell(&["check", "off.toml"])
        .tell(&["check", "wrong.toml", "--format", "json"])
        .tell(&["check", "fine.toml", "--format", "json"])
        .tell(&["check", "wrong.toml", "--format", "jsonl"])
        .tell(&["check", "wrong.toml", "--format", "markdown"])
        .tell(&["check", "fine.toml", "--format", "markdown"])
        .tell(&["check", "none.toml"])
        .check("check");
    assert_eq!(session.run(&["check", "wrong.toml"]).code, 2);
    assert!(!session.path("lake").exists(), "nothing is opened");
    let shown = session.run(&["check", "fine.toml"]).stdout;
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        !session
            .run(&["check", "wrong.toml"])
            .stdout
            .contains("hunter2")
    );
}
