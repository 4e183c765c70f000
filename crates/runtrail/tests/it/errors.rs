//! Every mistake is found, at its place, and no value is told.

use runtrail::{Config, ConfigErrors};

fn wrong(toml: &str) -> ConfigErrors {
    Config::builder().text("f.toml", toml).load().unwrap_err()
}

fn said(toml: &str) -> String {
    wrong(toml).to_string()
}

#[test]
fn all_mistakes_are_found_at_once_in_their_order() {
    let toml = r#"enable = true

[[processors]]
name = "redcat"

[[processors]]
name = "drop_ops"
opps = ["debug"]

[[processors]]
name = "sample"
rate = "half"
when_full = "keeep"
max_runs = -1

[[processors]]
rate = 1

[[exporters]]
name = "json"
path = 7
style = "prety"
retry = { max_attempts = 0, frist_delay = "1s" }

[[exporters]]
name = "kafka"
path = "x"
"#;
    let wanted = "\
f.toml:1:1: unknown key `enable`; did you mean `enabled`?
f.toml:4:8: unknown processor `redcat`; did you mean `redact`?
f.toml:6:1: ops: names nothing
f.toml:8:1: unknown key `opps`; did you mean `ops`?
f.toml:12:8: `rate` must be a number, and is a string
f.toml:13:13: unknown choice `keeep`; did you mean `keep`?
f.toml:14:12: `max_runs` must be a whole number, not negative, and is an integer
f.toml:16:1: a processor needs a `name`
f.toml:21:8: `path` must be a string, and is an integer
f.toml:22:9: unknown style `prety`; did you mean `pretty`?
f.toml:23:26: `max_attempts` must be at least 1
f.toml:23:29: unknown key `frist_delay`; did you mean `first_delay`?
f.toml:26:8: unknown exporter `kafka`; known are ";
    let found = said(toml);
    assert!(found.starts_with(wanted), "{found}");
    assert_eq!(wrong(toml).problems().len(), 13);
}

#[test]
fn what_a_processor_refuses_is_told_at_its_key() {
    let processor = |text: &str| said(&format!("[[processors]]\n{text}"));
    for (given, wanted) in [
        (
            "name = \"sample\"\nrate = 2",
            "f.toml:3:8: rate: must be between 0 and 1",
        ),
        (
            "name = \"truncate\"\nmax_payload_bytes = \"1KiB\"",
            "f.toml:3:21: max_payload_bytes: must be at least 4096",
        ),
        (
            "name = \"redact\"\npatterns = [\"(\"]",
            "f.toml:3:12: patterns: number 1 is not a regular expression",
        ),
        (
            "name = \"drop_kinds\"\nkinds = [\"op_strat\"]",
            "f.toml:3:9: unknown kind `op_strat`; did you mean `op_start`?",
        ),
        (
            "name = \"group_by\"",
            "f.toml:1:1: a group_by needs one of `starts_at`, `ends_at`, `key_change`, `every`, `max_duration`",
        ),
        (
            "name = \"group_by\"\nevery = 3\nmax_duration = \"1s\"",
            "f.toml:1:1: a group_by needs one of `starts_at`, `ends_at`, `key_change`, `every`, `max_duration`",
        ),
        (
            "name = \"group_by\"\nends_at = { op = \"x\", kin = \"op_yield\" }",
            "f.toml:3:23: unknown key `kin`; did you mean `kind`?",
        ),
        (
            "name = \"group_by\"\nevery = 0",
            "f.toml:3:9: every: must be at least 1",
        ),
        (
            "name = \"aggregate\"",
            "f.toml:1:1: an aggregate needs an `op`",
        ),
        (
            "name = \"aggregate\"\nop = \"x\"\nreducers = [{ stat = \"sum\" }, { stat = \"avg\" }]",
            "f.toml:4:13: this reducer needs a `field`\nf.toml:4:40: unknown figure `avg`; known are count, sum, min, max, mean, last",
        ),
        (
            "name = \"enrich\"\nfields = { seq = 1 }",
            "f.toml:3:10: fields: seq is a field that every event has by itself",
        ),
    ] {
        assert_eq!(processor(given), wanted, "{given}");
    }
}

#[test]
fn broken_toml_is_told_by_all_its_places() {
    let found = said("enabled = tru\n[[processors]\nname = \"redact\"\nx = = 1\n");
    assert!(found.lines().count() >= 3, "{found}");
    for place in ["f.toml:1:", "f.toml:2:", "f.toml:4:"] {
        assert!(found.contains(place), "{found}");
    }
    assert!(said("a = 1\na = 2\n").contains("f.toml:2:1"));
}

#[test]
fn no_value_is_ever_told() {
    let secret = "hunter2";
    for toml in [
        "[[processors]]\nname = \"enrich\"\nfields = \"hunter2\"",
        "[[processors]]\nname = \"enrich\"\nfields = { a = hunter2 }",
        "[[processors]]\nname = \"enrich\"\nfields = { a = \"hunter2\"",
        "[[processors]]\nname = \"redact\"\npatterns = [\"hunter2(\"]",
        "[[processors]]\nname = \"sample\"\nrate = \"hunter2\"",
        "password = \"hunter2\"",
        "password = \"\"\"hunter2",
        "[[exporters]]\nname = \"json\"\npath = \"x\"\nmax_held_bytes = \"hunter2\"",
    ] {
        let errors = wrong(toml);
        assert!(!errors.to_string().contains(secret), "{errors}");
        assert!(!format!("{errors:?}").contains(secret), "{errors:?}");
    }
    let fine = "[[processors]]\nname = \"enrich\"\nfields = { a = \"hunter2\" }\n[[processors]]\nname = \"redact\"\nmask = \"hunter2\"\nmore_patterns = [\"hunter2\"]";
    let config = Config::builder().text("f.toml", fine).load().unwrap();
    assert!(!format!("{config:?}").contains(secret));
    let variables = ["ENABLED", "SAMPLE_RATE", "EXPORTERS"]
        .map(|name| (format!("RUNTRAIL_PIPELINE_{name}"), secret.to_owned()));
    let errors = Config::builder().variables(variables).load().unwrap_err();
    assert_eq!(errors.problems().len(), 3);
    assert!(!errors.to_string().contains(secret), "{errors}");
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let errors = Config::builder().file(&path).load().unwrap_err();
    let said = errors.to_string();
    assert!(
        said.starts_with(&format!("{}: cannot be read: ", path.display())),
        "{said}"
    );
    std::fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    let errors = Config::builder().file(&path).load().unwrap_err();
    assert!(errors.to_string().ends_with("is larger than 1 MiB"));
}
