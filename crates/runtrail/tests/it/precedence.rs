//! Code goes before the environment, that before the file, that before the default.

use std::time::Duration;

use runtrail::Config;
use runtrail_core::pipeline::{Overflow, Settings};
use runtrail_core::process::{DropEmpty, DropEmptySettings};

const FILE: &str = "enabled = false
[[processors]]
name = \"dedup\"
[[exporters]]
name = \"json\"
path = \"of-the-file\"
";

fn variable(name: &str, value: &str) -> (String, String) {
    (format!("RUNTRAIL_PIPELINE_{name}"), value.to_owned())
}

fn paths(config: &Config) -> Vec<String> {
    let shown = |plan: &runtrail::ExporterPlan| format!("{}:{}", plan.name(), plan.destination());
    config.exporters().iter().map(shown).collect()
}

#[test]
fn the_stronger_word_holds() {
    let default = Config::builder().load().unwrap();
    assert!(default.is_enabled() && default.exporters().is_empty());

    let file = || Config::builder().text("f.toml", FILE);
    assert!(!file().load().unwrap().is_enabled());
    assert_eq!(paths(&file().load().unwrap()), ["json:of-the-file"]);

    let environment = || {
        file().variables([
            variable("ENABLED", "on"),
            variable("EXPORTERS", "jsonl:a, json:b"),
        ])
    };
    let config = environment().load().unwrap();
    assert!(config.is_enabled());
    assert_eq!(paths(&config), ["jsonl:a", "json:b"]);

    let code = environment().enabled(false);
    let code = code.processor(DropEmpty::new(DropEmptySettings::default()).unwrap());
    let config = code.load().unwrap();
    assert!(!config.is_enabled());
    let names: Vec<&str> = config.processor_names().collect();
    assert_eq!(names, ["dedup", "drop_empty"]);
    assert!(config.open().unwrap().exporters.is_empty());
}

#[test]
fn the_environment_names_the_file_and_code_another() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("1.toml"), folder.path().join("2.toml"));
    std::fs::write(&one, "enabled = false").unwrap();
    std::fs::write(&other, "").unwrap();
    let named = ("RUNTRAIL_CONFIG".to_owned(), one.display().to_string());
    let builder = || Config::builder().variables([named.clone()]);
    assert!(!builder().load().unwrap().is_enabled());
    assert!(builder().file(&other).load().unwrap().is_enabled());
}

#[test]
fn a_sample_rate_of_the_environment_is_the_files_or_one_in_front() {
    let rate = || [variable("SAMPLE_RATE", "0.25")];
    let names = |config: &Config| {
        config
            .processor_names()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let config = Config::builder().text("f", FILE).variables(rate());
    assert_eq!(names(&config.load().unwrap()), ["sample", "dedup"]);
    let sampled = format!("{FILE}\n[[processors]]\nname = \"sample\"\nrate = 0.5\n");
    let config = Config::builder().text("f", sampled).variables(rate());
    assert_eq!(names(&config.load().unwrap()), ["dedup", "sample"]);
}

#[test]
fn a_limit_is_the_strongest_words_key_by_key() {
    let file =
        "[pipeline]\nmax_bytes = \"2MiB\"\nmax_runs = 7\noverflow = \"block 50ms\"\ntick = \"1ms\"";
    let builder = Config::builder()
        .text("f.toml", file)
        .variables([
            variable("MAX_BYTES", "4MiB"),
            variable("TICK", "500us"),
            variable("OVERFLOW", "drop_oldest"),
        ])
        .settings(|settings| settings.max_bytes = 8 << 20);
    let config = builder.load().unwrap();
    let wanted = Settings {
        max_bytes: 8 << 20,
        max_runs: 7,
        overflow: Overflow::DropOldest,
        tick: Duration::from_micros(500),
        ..Settings::default()
    };
    assert_eq!(config.settings(), &wanted);
    assert_eq!(
        config.open().unwrap().explanation,
        "recording nowhere: no exporter is named, so events are counted and go; pipeline: \
         max_bytes = 8388608 (code), overflow = drop_oldest (environment variable \
         RUNTRAIL_PIPELINE_OVERFLOW), tick = 500µs (environment variable RUNTRAIL_PIPELINE_TICK), \
         max_runs = 7 (f.toml:3:12); all else is the default"
    );
}

#[test]
fn what_is_for_otherwise_gives_way() {
    let otherwise = || Config::builder().otherwise("json", "runs");
    assert_eq!(paths(&otherwise().load().unwrap()), ["json:runs"]);
    let named = otherwise().variables([variable("EXPORTERS", "jsonl:a")]);
    assert_eq!(paths(&named.load().unwrap()), ["jsonl:a"]);
    let file = otherwise().text("f.toml", FILE);
    assert_eq!(paths(&file.load().unwrap()), ["json:of-the-file"]);
    let added = otherwise().exporter(runtrail_testkit::capture::Capture::default());
    assert!(added.load().unwrap().exporters().is_empty());
    let wrong = Config::builder().otherwise("jsom", "runs").load();
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "code: unknown exporter `jsom`; did you mean `json`?"
    );
}

#[test]
fn a_misspelt_variable_is_a_mistake_and_an_empty_one_is_none() {
    let errors = Config::builder()
        .variables([variable("ENABELD", "true"), variable("EXPORTERS", "")])
        .load()
        .unwrap_err();
    assert_eq!(
        errors.to_string(),
        "environment variable RUNTRAIL_PIPELINE_ENABELD: is not one of Runtrail's; did you mean `RUNTRAIL_PIPELINE_ENABLED`?"
    );
    // The program has variables of its own.
    let other = ("RUNTRAIL_FORMAT".to_owned(), "json".to_owned());
    assert!(Config::builder().variables([other]).load().is_ok());
}
