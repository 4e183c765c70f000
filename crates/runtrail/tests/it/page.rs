//! The page `docs/configuration.md` says what is true.

use std::path::Path;

use runtrail::{Config, PROCESSOR_NAMES, exporter_names};
use runtrail_core::pipeline::Settings;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    std::fs::read_to_string(path).unwrap()
}

const HEAD: &str = "[[exporters]]\nname = ";

/// The page's TOML, without the exporters that this build does not have.
fn toml() -> String {
    let page = page();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (toml, _) = rest.split_once("```").unwrap();
    let (before, media) = toml.split_once("[media]\n").unwrap();
    let (media, after) = media.split_once("\n\n").unwrap();
    let without = format!("{before}{after}");
    let with = format!("{before}[media]\n{media}\n\n{after}");
    let toml = if cfg!(feature = "media") {
        with
    } else {
        without
    };
    let mut tables = toml.split(HEAD);
    let mut kept = tables.next().unwrap().to_owned();
    for table in tables {
        let name = table.split('"').nth(1).unwrap();
        if exporter_names().contains(&name) {
            kept.push_str(HEAD);
            kept.push_str(table);
        }
    }
    kept
}

#[test]
fn its_example_is_read_and_names_everything() {
    let config = Config::builder()
        .text("configuration.md", toml())
        .load()
        .unwrap();
    assert!(config.processor_names().eq(PROCESSOR_NAMES));
    assert_eq!(config.settings(), &Settings::default());
    let named: Vec<&str> = config
        .exporters()
        .iter()
        .map(runtrail::ExporterPlan::name)
        .collect();
    assert_eq!(named, exporter_names());
}

#[test]
fn a_name_in_a_configuration_is_the_processors_own() {
    for name in PROCESSOR_NAMES {
        let required = match name {
            "drop_ops" | "keep_ops" => "ops = [\"x\"]",
            "drop_kinds" => "kinds = [\"op_yield\"]",
            "group_by" => "every = 2",
            "aggregate" => "op = \"x\"",
            "enrich" => "fields = { a = 1 }",
            _ => "",
        };
        let toml = format!("[[processors]]\nname = \"{name}\"\n{required}\n");
        let config = Config::builder().text("f.toml", toml).load().unwrap();
        assert!(config.processor_names().eq([name]));
    }
}

/// Each line that is commented out is an alternative, and is read in the place of the one that stands.
#[test]
fn its_alternatives_are_read_too() {
    let stands = "ends_at = { kind = \"op_yield\", op = \"stream.it\" }";
    for alternative in ["starts_at", "key_change", "every", "max_duration"] {
        let toml = toml();
        let start = format!("# {alternative} = ");
        let line = toml.lines().find(|line| line.starts_with(&start)).unwrap();
        let toml = toml.replace(stands, &line["# ".len()..]);
        Config::builder()
            .text("configuration.md", toml)
            .load()
            .unwrap();
    }
}

#[test]
fn its_mistakes_are_told_as_it_says() {
    let page = page();
    for (toml, key) in [
        (
            "[[processors]]\nname = \"drop_ops\"\nops = []\nopps = [\"x\"]\n",
            "opps",
        ),
        (
            "\n\n\n\n\n\n\n[[processors]]\nname = \"redcat\"\n",
            "redcat",
        ),
    ] {
        let said = Config::builder()
            .text("runtrail.toml", toml)
            .load()
            .unwrap_err();
        let line = said.problems().iter().find(|one| one.message.contains(key));
        let line = line.unwrap().to_string();
        assert!(page.contains(&line), "{line}");
    }
}
