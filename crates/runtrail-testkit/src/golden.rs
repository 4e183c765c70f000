//! Recorded runs, and files to compare output with.

use std::fs;
use std::path::{Path, PathBuf};

use runtrail_core::event::TraceEvent;
use runtrail_core::text::Text;
use runtrail_core::wire::WireReader;
use serde_json::value::RawValue;

/// A recorded archive file of `tests/golden/engine`.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The workflow that was run.
    pub scenario: String,
    /// The file's name without its extension.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its events, in their order in the file; what is not an event is left out.
    pub events: Vec<TraceEvent>,
}

impl Sample {
    /// Returns the path of a file beside this one: the same name with another extension.
    pub fn beside(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }
}

/// Reads every recorded file, in the order of their paths.
///
/// # Panics
///
/// Where the files cannot be read.
#[expect(clippy::panic, reason = "a test cannot go on without its files")]
pub fn engine_samples() -> Vec<Sample> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/engine");
    let mut samples = Vec::new();
    for scenario in entries(&root).into_iter().filter(|path| path.is_dir()) {
        for path in entries(&scenario) {
            let name = file_name(&path);
            let Some(name) = name
                .strip_suffix(".json")
                .filter(|name| !name.contains('.'))
            else {
                continue;
            };
            let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            samples.push(Sample {
                scenario: file_name(&scenario),
                name: name.to_owned(),
                events: archive_events(&bytes),
                path,
            });
        }
    }
    assert!(
        !samples.is_empty(),
        "no recorded files in {}",
        root.display()
    );
    samples
}

/// Reads the events of an archive: a JSON array, JSON Lines, or an array followed by lines.
///
/// What is not an event is left out; reading ends where the text is not JSON.
pub fn archive_events(bytes: &[u8]) -> Vec<TraceEvent> {
    let mut reader = WireReader::default();
    let mut events = Vec::new();
    let values = serde_json::Deserializer::from_slice(bytes).into_iter::<Box<RawValue>>();
    for value in values.map_while(Result::ok) {
        let elements = match serde_json::from_str::<Vec<Box<RawValue>>>(value.get()) {
            Ok(elements) => elements,
            Err(_) => vec![value],
        };
        events.extend(
            elements
                .iter()
                .filter_map(|element| reader.read(&Text::new(element.get())).ok()),
        );
    }
    events
}

/// Compares a text with a file; with `RUNTRAIL_BLESS` set it writes the file instead.
///
/// # Panics
///
/// Where they differ, naming the first line that does.
#[expect(clippy::panic, reason = "this is an assertion")]
pub fn assert_golden(path: &Path, actual: &str) {
    if std::env::var_os("RUNTRAIL_BLESS").is_some() {
        fs::write(path, actual).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        return;
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    if wanted == actual {
        return;
    }
    let same = wanted
        .lines()
        .zip(actual.lines())
        .take_while(|(wanted, actual)| wanted == actual)
        .count();
    panic!(
        "{} differs at line {}:\n  file  {}\n  now   {}\nRUNTRAIL_BLESS=1 writes the file anew",
        path.display(),
        same + 1,
        wanted.lines().nth(same).unwrap_or("(its end)"),
        actual.lines().nth(same).unwrap_or("(its end)"),
    );
}

/// Checks that a crate's `tests/it.rs`, whose text is given, declares every file of `tests/it`.
///
/// A file that is not declared is not compiled, and its tests never run.
///
/// # Panics
///
/// Where one is not declared.
pub fn assert_all_declared(manifest_dir: &str, root: &str) {
    for path in entries(&Path::new(manifest_dir).join("tests/it")) {
        let name = file_name(&path);
        let Some(module) = name.strip_suffix(".rs") else {
            continue;
        };
        assert!(
            root.contains(&format!("mod {module};")),
            "tests/it/{name} is not declared in tests/it.rs"
        );
    }
}

/// The files and folders in a folder, by name.
#[expect(clippy::panic, reason = "a test cannot go on without its files")]
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = listed
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
