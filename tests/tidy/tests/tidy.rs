//! The rules of the workspace: who depends on whom, and what every crate and text must hold.

#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use walkdir::WalkDir;

/// What each crate of ours may depend on, of ours.
const OURS: &[(&str, &[&str])] = &[
    ("runtrail-core", &[]),
    ("runtrail-archive", &["runtrail-core", "runtrail-otlp-wire"]),
    ("runtrail-journal", &["runtrail-core"]),
    ("runtrail-json", &["runtrail-core"]),
    ("runtrail-media", &["runtrail-core"]),
    ("runtrail-otlp", &["runtrail-core", "runtrail-otlp-wire"]),
    ("runtrail-otlp-wire", &[]),
    ("runtrail-parquet", &["runtrail-core"]),
    ("runtrail-replay", &["runtrail-core"]),
    (
        "runtrail",
        &[
            "runtrail-core",
            "runtrail-journal",
            "runtrail-json",
            "runtrail-media",
            "runtrail-otlp",
            "runtrail-parquet",
        ],
    ),
    ("runtrail-testkit", &["runtrail-core"]),
    ("runtrail-tracing", &["runtrail-core"]),
    ("runtrail-trigger", &["runtrail-core"]),
    (
        "runtrail-cli",
        &[
            "runtrail",
            "runtrail-core",
            "runtrail-archive",
            "runtrail-journal",
            "runtrail-json",
            "runtrail-otlp",
            "runtrail-parquet",
            "runtrail-replay",
            "runtrail-trigger",
        ],
    ),
    ("runtrail-models", &[]),
    ("runtrail-tidy", &[]),
];

/// Crates that hold nothing but tests of the others.
const TESTS_ONLY: [&str; 2] = ["runtrail-models", "runtrail-tidy"];

/// Heavy or sensitive crates, and the only ones of ours that may depend on them.
const FENCED: &[(&str, &[&str])] = &[
    ("arrow", &["runtrail-parquet"]),
    ("parquet", &["runtrail-parquet"]),
    ("object_store", &["runtrail-media", "runtrail-parquet"]),
    ("clap", &["runtrail-cli"]),
    // The testkit's receiver, behind a feature.
    ("opentelemetry", &["runtrail-otlp"]),
    ("opentelemetry-proto", &["runtrail-testkit"]),
    ("opentelemetry_sdk", &["runtrail-otlp"]),
    ("prost", &["runtrail-testkit"]),
    (
        "tokio",
        &[
            "runtrail-media",
            "runtrail-otlp",
            "runtrail-parquet",
            "runtrail-testkit",
        ],
    ),
    ("tonic", &["runtrail-otlp", "runtrail-testkit"]),
    ("ureq", &["runtrail-otlp"]),
    ("rusqlite", &["runtrail-trigger"]),
    ("toml", &["runtrail"]),
    ("tracing-subscriber", &["runtrail-tracing"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The direct dependencies of each member, those for tests left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let member = |package: &Value| {
        let listed = package["dependencies"].as_array().unwrap().iter();
        let needed = listed.filter(|dependency| dependency["kind"] != "dev");
        let names = needed.map(|dependency| dependency["name"].as_str().unwrap().to_owned());
        (
            package["name"].as_str().unwrap().to_owned(),
            names.collect(),
        )
    };
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(member)
        .collect()
}

#[test]
fn crates_depend_on_each_other_in_one_direction() {
    let members = dependencies();
    assert_eq!(
        members.len(),
        OURS.len(),
        "a new crate needs a line here: {:?}",
        members.keys()
    );
    for (member, allowed) in OURS {
        let ours = members[*member]
            .iter()
            .filter(|name| *name == "runtrail" || name.starts_with("runtrail-"));
        for dependency in ours {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{member} depends on {dependency}"
            );
        }
    }
}

#[test]
fn heavy_crates_stay_behind_their_fence() {
    for (member, dependencies) in dependencies() {
        for (fenced, allowed) in FENCED {
            let crosses = dependencies.contains(*fenced) && !allowed.contains(&member.as_str());
            assert!(!crosses, "{member} depends on {fenced}");
        }
    }
}

#[test]
fn every_member_takes_the_workspace_lints() {
    for folder in ["crates", "tests"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let manifest = entry.unwrap().path().join("Cargo.toml");
            if let Ok(text) = fs::read_to_string(&manifest) {
                assert!(
                    text.contains("[lints]\nworkspace = true"),
                    "{}",
                    manifest.display()
                );
            }
        }
    }
}

fn sources(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in [
        "crates",
        "tests/tidy",
        "tests/readers",
        "tests/crash",
        "tests/power",
        "benches",
        "scripts",
        "fuzz/fuzz_targets",
        "examples",
    ] {
        let files = WalkDir::new(root().join(folder))
            .into_iter()
            .flatten()
            .filter(|e| e.file_type().is_file());
        for file in files {
            let extension = file
                .path()
                .extension()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if extensions.contains(&extension.as_str()) {
                found.push((
                    file.path().to_owned(),
                    fs::read_to_string(file.path()).unwrap(),
                ));
            }
        }
    }
    found
}

#[test]
fn no_file_outgrows_a_reader() {
    for (path, text) in sources(&["rs"]) {
        assert!(
            text.lines().count() <= 700,
            "{} has {} lines: split it",
            path.display(),
            text.lines().count()
        );
        assert!(
            !path.ends_with("mod.rs"),
            "{}: name the file after its module",
            path.display()
        );
    }
}

#[test]
fn comments_promise_nothing() {
    // In two pieces, so that this file passes its own test.
    let promises = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("for ", "now"),
        concat!("X", "XX "),
    ];
    for (path, text) in sources(&["rs", "py", "sh"]) {
        for (number, line) in text.lines().enumerate() {
            let promise = promises.iter().find(|promise| line.contains(**promise));
            assert!(
                promise.is_none(),
                "{}:{}: {line}",
                path.display(),
                number + 1
            );
        }
    }
}

#[test]
fn every_crate_is_in_the_code_map_and_the_read_me() {
    for text in ["ARCHITECTURE.md", "README.md"] {
        let map = fs::read_to_string(root().join(text)).unwrap();
        for (member, _) in OURS
            .iter()
            .filter(|(member, _)| !TESTS_ONLY.contains(member))
        {
            // In backquotes or brackets, since one name begins all the others.
            let named = [format!("`{member}`"), format!("[`{member}`]")];
            assert!(
                named.iter().any(|name| map.contains(name)),
                "{text} does not name {member}"
            );
        }
    }
}

#[test]
fn the_read_me_is_short() {
    let lines = fs::read_to_string(root().join("README.md"))
        .unwrap()
        .lines()
        .count();
    assert!(lines <= 150, "README.md has {lines} lines");
}
