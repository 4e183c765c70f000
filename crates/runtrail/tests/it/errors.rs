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
fn a_key_that_would_change_nothing_is_refused() {
    for (given, wanted) in [
        (
            "processors]]\nname = \"drop_ops\"\nops = [\"x\"]\nmax_open = 1",
            "f.toml:4:12: `max_open` does nothing here: a filter remembers only what it left out, up to `max_left_out`",
        ),
        (
            "processors]]\nname = \"drop_kinds\"\nkinds = [\"op_yield\"]\nmax_open = 1",
            "f.toml:4:12: `max_open` does nothing here: a filter remembers only what it left out, up to `max_left_out`",
        ),
        (
            "processors]]\nname = \"group_by\"\nevery = 3\nmax_left_out = 1",
            "f.toml:4:16: `max_left_out` does nothing here: a group_by leaves out nothing",
        ),
        (
            "exporters]]\nname = \"json\"\npath = \"x\"\nretry = {}",
            "f.toml:4:9: `retry` does nothing without a `rate_limit` that turns batches away",
        ),
        (
            "exporters]]\nname = \"jsonl\"\npath = \"x\"\nrate_limit = {}\nretry = { retry_unknown = true }",
            "f.toml:5:27: `retry_unknown` does nothing here: this exporter knows whether it wrote",
        ),
        #[cfg(feature = "otlp")]
        (
            "exporters]]\nname = \"otlp-json\"\npath = \"x\"\nretry = {}",
            "f.toml:4:9: `retry` does nothing without a `rate_limit` that turns batches away",
        ),
        #[cfg(feature = "parquet")]
        (
            "exporters]]\nname = \"parquet\"\npath = \"x\"\nretry = {}",
            "f.toml:4:9: `retry` does nothing without a `rate_limit` that turns batches away or `retry_unknown = true`",
        ),
    ] {
        assert_eq!(said(&format!("[[{given}")), wanted, "{given}");
    }
    #[cfg(feature = "parquet")]
    {
        let unsure =
            "[[exporters]]\nname = \"parquet\"\npath = \"x\"\nretry = { retry_unknown = true }";
        Config::builder().text("f.toml", unsure).load().unwrap();
    }
}

#[test]
fn limits_out_of_range_are_told_where_they_were_said() {
    let toml = "[pipeline]\nring_events = 1\ntick = \"2s\"\noverflow = \"drop\"\nmax_byte = 1\n";
    let variables = [
        ("MAX_RUNS", "0"),
        ("QUEUE_EVENTS", "many"),
        ("OVERFLOW", "block"),
        ("MAX_BYTE", "1"),
    ];
    let variables =
        variables.map(|(name, value)| (format!("RUNTRAIL_PIPELINE_{name}"), value.to_owned()));
    let builder = Config::builder().text("f.toml", toml).variables(variables);
    let found = builder.settings(|settings| settings.max_open = 0).load();
    assert_eq!(
        found.unwrap_err().to_string(),
        "\
f.toml:2:15: `ring_events` must be 64 to 1048576
f.toml:3:8: `tick` must be 100 microseconds to 1 second
f.toml:4:12: `overflow` must be \"drop_newest\", \"drop_oldest\" or, with a time, \"block 50ms\"
f.toml:5:1: unknown key `max_byte`; did you mean `max_bytes`?
environment variable RUNTRAIL_PIPELINE_MAX_BYTE: is not one of Runtrail's; did you mean `RUNTRAIL_PIPELINE_MAX_BYTES`?
environment variable RUNTRAIL_PIPELINE_MAX_RUNS: `max_runs` must be at least 1
environment variable RUNTRAIL_PIPELINE_OVERFLOW: must be \"drop_newest\", \"drop_oldest\" or, with a time, \"block 50ms\"
environment variable RUNTRAIL_PIPELINE_QUEUE_EVENTS: must be a whole number, not negative
code: `max_open` must be at least 1"
    );
}

#[cfg(feature = "otlp")]
#[test]
fn an_endpoint_is_told_before_anything_is_sent() {
    let otlp = |text: &str| said(&format!("[[exporters]]\nname = \"otlp\"\n{text}"));
    for (given, wanted) in [
        (
            "endpoint = \"localhost\"",
            "f.toml:3:12: `endpoint` must be a URL such as \"http://localhost:4318\"",
        ),
        (
            "endpoint = 4318",
            "f.toml:3:12: `endpoint` must be a string, and is an integer",
        ),
        (
            "protocol = \"grcp\"",
            "f.toml:3:12: unknown protocol `grcp`; did you mean `grpc`?",
        ),
        (
            "headers = { authorization = 7 }",
            "f.toml:3:11: `headers` must be a table of strings, and is a table",
        ),
        (
            "overlays = [\"langfus\"]",
            "f.toml:3:12: unknown overlay `langfus`; did you mean `langfuse`?",
        ),
        (
            "client_key = \"k.pem\"",
            "f.toml:3:14: `client_certificate` and `client_key` go together",
        ),
        (
            "max_spans_per_second = 0",
            "f.toml:3:24: `max_spans_per_second` must be at least 1",
        ),
        ("retry = {}", "f.toml:3:1: unknown key `retry`"),
    ] {
        assert_eq!(otlp(given), wanted, "{given}");
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
        "[pipeline]\noverflow = \"hunter2\"",
    ] {
        let errors = wrong(toml);
        assert!(!errors.to_string().contains(secret), "{errors}");
        assert!(!format!("{errors:?}").contains(secret), "{errors:?}");
    }
    let fine = "[[processors]]\nname = \"enrich\"\nfields = { a = \"hunter2\" }\n[[processors]]\nname = \"redact\"\nmask = \"hunter2\"\nmore_patterns = [\"hunter2\"]";
    let config = Config::builder().text("f.toml", fine).load().unwrap();
    assert!(!format!("{config:?}").contains(secret));
    let variables = ["ENABLED", "SAMPLE_RATE", "MAX_BYTES"]
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
