//! What a source names, and what is said where it names nothing.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use runtrail_archive::{
    Archive, ArchiveError, EventStore, Input, Progress, ReadOptions, Reader, Sink, StoreRead,
    resolve, resolve_with,
};
use runtrail_core::event::TraceEvent;

use super::support::{Files, found, line, lines, read};

/// The names of the inputs below a folder, with the folder's own path left out.
fn names(files: &Files, sources: &[&str]) -> Vec<String> {
    let sources: Vec<String> = sources.iter().map(|source| files.path(source)).collect();
    let inputs = resolve(&sources).unwrap().inputs;
    let root = files.path("");
    inputs
        .iter()
        .map(|input| input.name().replace(&root, ""))
        .collect()
}

fn refusal(sources: &[&str]) -> String {
    let error = resolve(sources).unwrap_err();
    let cause = error.source().map(|source| format!(": {source}"));
    error.to_string() + &cause.unwrap_or_default()
}

/// A folder with files of several kinds and depths.
fn nightly() -> Files {
    let files = Files::new();
    for name in [
        "b.jsonl",
        "a.jsonl",
        "a/x.json",
        "a/deep/y.jsonl.zst",
        "c.txt",
        "[1].jsonl",
        "no extension",
    ] {
        files.write(name, line(1));
    }
    for hidden in [".hidden.jsonl", ".git/config", "a/.b/c.jsonl"] {
        files.write(hidden, line(1));
    }
    files
}

#[test]
fn a_folder_stands_for_all_that_is_below_it() {
    let files = nightly();
    let all = [
        "[1].jsonl",
        "a/deep/y.jsonl.zst",
        "a/x.json",
        "a.jsonl",
        "b.jsonl",
        "c.txt",
        "no extension",
    ];
    assert_eq!(names(&files, &[""]), all);
    assert_eq!(names(&files, &["a/"]), ["a/deep/y.jsonl.zst", "a/x.json"]);
}

#[test]
fn a_hidden_name_is_read_where_it_is_named() {
    let files = nightly();
    assert_eq!(names(&files, &[".hidden.jsonl"]), [".hidden.jsonl"]);
    assert_eq!(names(&files, &["a/.b"]), ["a/.b/c.jsonl"]);
}

#[test]
fn globs_stay_within_a_folder_unless_they_say_otherwise() {
    let files = nightly();
    assert_eq!(
        names(&files, &["*.jsonl"]),
        [".hidden.jsonl", "[1].jsonl", "a.jsonl", "b.jsonl"]
    );
    assert_eq!(
        names(&files, &["?.{txt,jsonl}"]),
        ["a.jsonl", "b.jsonl", "c.txt"]
    );
    assert_eq!(names(&files, &["**/y.*"]), ["a/deep/y.jsonl.zst"]);
    assert_eq!(names(&files, &["a/*.json"]), ["a/x.json"]);
    // What matches and is a folder stands for what is below it.
    assert_eq!(
        names(&files, &["a*"]),
        ["a/deep/y.jsonl.zst", "a/x.json", "a.jsonl"]
    );
}

#[test]
fn a_name_that_looks_like_a_glob_is_a_name_where_there_is_such_a_file() {
    let files = nightly();
    assert_eq!(names(&files, &["[1].jsonl"]), ["[1].jsonl"]);
    files.write("1.jsonl", line(1));
    assert_eq!(names(&files, &["[1].json*"]), ["1.jsonl"]);
}

#[test]
fn an_input_that_is_named_twice_is_read_once() {
    let files = nightly();
    assert_eq!(
        names(&files, &["b.jsonl", "a.jsonl", "*.jsonl"])[..2],
        ["b.jsonl", "a.jsonl"]
    );
    assert_eq!(
        found(&[&files.path("b.jsonl"), &files.path("b.jsonl")]),
        "e1"
    );
}

#[test]
fn file_urls_are_paths() {
    let files = nightly();
    let path = files.path("b.jsonl");
    for url in [format!("file://{path}"), format!("file://localhost{path}")] {
        assert_eq!(found(&[&url]), "e1", "{url}");
    }
}

#[test]
fn lakes_and_what_runtrail_writes_are_left_out_of_folders() {
    let files = Files::new();
    files.write("a.jsonl", line(1));
    files.write("lake/events/date=2026-11-21/part-1.parquet", "PAR1....PAR1");
    files.write("lake/_runtrail/log/1.json", "{}");
    let part = files.write("copied.parquet", "PAR1....PAR1");
    let tree = files.write(
        "trees/r.json",
        "{\n  \"schema\": \"runtrail.tree/v1\",\n  \"request_id\": \"r\"}",
    );
    let archive = Archive::open(&[files.path("")]).unwrap();
    assert_eq!(
        archive.sources().skipped_lakes,
        [Path::new(&files.path("lake"))]
    );
    let of_folder = read(&[&files.path("")], ReadOptions::default());
    assert_eq!(of_folder.show(), "e1");
    assert_eq!(of_folder.report.skipped, [part.clone(), tree.clone()]);
    // Named by itself, it is an answer to give.
    assert_eq!(found(&[&part]), "<not_text 1:0+12>");
    assert_eq!(
        read(&[&part], ReadOptions::default()).rejects[0]
            .reason
            .to_string(),
        "not an archive: a Parquet file"
    );
    assert!(found(&[&tree]).starts_with("<not_text 1:0+"));
}

#[test]
fn what_names_nothing_is_refused_by_name() {
    let files = nightly();
    let missing = files.path("missing.jsonl");
    assert_eq!(
        refusal(&[&missing]),
        format!("{missing}: no such file or folder")
    );
    let unmatched = files.path("*.parquet");
    assert_eq!(
        refusal(&[&unmatched]),
        format!("{unmatched}: no file matches")
    );
    let absent = files.path("nowhere/*.jsonl");
    assert_eq!(refusal(&[&absent]), format!("{absent}: no file matches"));
    let broken = files.path("{a,b.jsonl");
    assert!(refusal(&[&broken]).starts_with(&format!("{broken}: not a pattern: ")));
    assert!(
        refusal(&["s3://bucket/a.jsonl"])
            .starts_with("s3://bucket/a.jsonl: cannot read this kind of URL")
    );
    let below_a_file = files.path("a.jsonl/x");
    assert!(refusal(&[&below_a_file]).starts_with(&below_a_file));
}

struct Nothing;

impl Sink for Nothing {
    fn only(&self) -> Option<&str> {
        None
    }

    fn wants(&mut self, _: &str) -> bool {
        false
    }

    fn events(&mut self, _: Vec<TraceEvent>, _: usize) -> Result<(), ArchiveError> {
        Err(ArchiveError::Refused)
    }

    fn reject(&mut self, _: runtrail_archive::Reject) -> Result<(), ArchiveError> {
        Err(ArchiveError::Refused)
    }
}

/// Opens an input that was listed and has become something else since.
fn failure(path: &str) -> String {
    let progress = Progress::default();
    let mut reader = Reader::new(ReadOptions::default(), &progress);
    let input = Input::File {
        path: path.into(),
        size: 1,
        named: true,
        extent: None,
    };
    reader.read(&input, &mut Nothing).unwrap();
    let report = reader.finish();
    let (name, why) = &report.failed[0];
    assert_eq!(
        (name, report.failed.len(), report.files),
        (&path.to_owned(), 1, 1)
    );
    why.clone()
}

#[test]
fn an_input_that_cannot_be_opened_is_noted_and_the_others_are_read() {
    let files = Files::new();
    files.write("folder/x", "");
    assert!(failure(&files.path("folder")).contains("directory"));
    assert!(failure(&files.path("vanished")).contains("No such file"));
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_noted_and_the_others_are_read() {
    use std::os::unix::fs::PermissionsExt;

    let files = Files::new();
    files.write("a.jsonl", line(1));
    let closed = files.write("b.jsonl", line(2));
    files.write("c.jsonl", line(3));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&closed).is_ok() {
        println!("skipped: this user reads files whatever their mode says");
        return;
    }
    let found = read(&[&files.path("")], ReadOptions::default());
    assert_eq!(found.show(), "e1 e3");
    assert_eq!(found.report.failed[0].0, closed);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_broken_ones_are_named() {
    let files = Files::new();
    let real = files.write("elsewhere/a.jsonl", line(1));
    fs::create_dir(files.path("folder")).unwrap();
    std::os::unix::fs::symlink(&real, files.path("folder/link.jsonl")).unwrap();
    assert_eq!(found(&[&files.path("folder")]), "e1");
    std::os::unix::fs::symlink(files.path("nowhere"), files.path("folder/broken")).unwrap();
    assert!(refusal(&[&files.path("folder")]).starts_with(&format!(
        "{}: cannot be listed",
        files.path("folder/broken")
    )));
}

/// A store that holds the events of a file of lines beside it.
#[derive(Debug)]
struct Shelf(String);

impl EventStore for Shelf {
    fn name(&self) -> String {
        self.0.clone()
    }

    fn size(&self) -> u64 {
        7
    }

    fn read(&self, progress: &Progress, sink: &mut dyn Sink) -> Result<StoreRead, ArchiveError> {
        progress.bytes_read.fetch_add(7, Ordering::Relaxed);
        let mut archive = Archive::open(&[format!("{}/held.jsonl", self.0)])?;
        let mut events = Vec::new();
        archive.read(ReadOptions::default(), &mut |event| events.push(event))?;
        events.retain(|event| sink.wants(&event.request_id));
        sink.events(events, 100)?;
        Ok(StoreRead {
            failed: vec![("torn".to_owned(), "half".to_owned())],
            stray: vec!["odd".to_owned()],
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "stores may fail to open")]
fn shelves(path: &Path) -> Result<Option<Arc<dyn EventStore>>, ArchiveError> {
    let is_shelf = path.join("held.jsonl").exists();
    let shelf = || Arc::new(Shelf(path.display().to_string())) as Arc<dyn EventStore>;
    Ok(is_shelf.then(shelf))
}

#[test]
fn a_folder_that_is_named_may_be_a_store_of_another_kind() {
    let files = Files::new();
    files.write("shelf/held.jsonl", lines(1..=3));
    files.write("more.jsonl", lines(3..=4));
    for sources in [
        [files.path("shelf"), files.path("more.jsonl")],
        [files.path("she*"), files.path("more.jsonl")],
    ] {
        let archive = Archive::open_with(&sources, &shelves).unwrap();
        assert!(matches!(archive.inputs()[0], Input::Store(_)));
        assert_eq!(archive.inputs()[0].size(), 7);
        let mut sorted = archive
            .sorted(
                ReadOptions::default(),
                runtrail_archive::SortOptions::default(),
            )
            .unwrap();
        let mut seen = Vec::new();
        while let Some(batch) = sorted.next_batch().unwrap() {
            seen.extend(batch.events().iter().map(|event| event.seq));
        }
        assert_eq!((seen, sorted.counts().duplicates), (vec![1, 2, 3, 4], 1));
        let report = sorted.report();
        assert_eq!((report.events, report.stray.len()), (5, 1));
        assert_eq!(report.failed, [("torn".to_owned(), "half".to_owned())]);
    }
    // Above it, it is a folder like any other.
    let all = resolve_with(&[files.path("")], &shelves).unwrap();
    assert!(
        all.inputs
            .iter()
            .all(|input| matches!(input, Input::File { .. }))
    );
}
