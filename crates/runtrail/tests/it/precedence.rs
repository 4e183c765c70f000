//! Code goes before the environment, that before the file, that before the default.

use runtrail::Config;
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
    let shown =
        |plan: &runtrail::ExporterPlan| format!("{}:{}", plan.name(), plan.path().display());
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
