//! What cannot be written is an error that names the place and the cause.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use runtrail_core::export::{
    Batch, ExportError, ExportErrorKind, Exporter, RunEnd, SpanBatch, SpanExporter, Spans,
};
use runtrail_core::text::Text;
use runtrail_json::{EventLines, RunTree, TreeStyle, Trees, write_tree};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::run::RunBuilder;

fn batch() -> Batch {
    let mut run = RunBuilder::new("r1");
    run.push("op_start", Some("x"), &[], "{}");
    let events = run.into_events();
    let end = RunEnd {
        request_id: Text::new("r1"),
        after: events.len(),
    };
    Batch::new(events, [end])
}

fn exporters(dest: &Path) -> [Box<dyn Exporter>; 3] {
    [
        Box::new(Spans::new(Trees::dir(dest))),
        Box::new(Spans::new(Trees::lines(dest.join("runs.jsonl")))),
        Box::new(EventLines::dir(dest)),
    ]
}

#[track_caller]
fn assert_says(error: &ExportError, place: &Path, cause: &str) {
    assert_eq!(error.kind(), &ExportErrorKind::Permanent);
    assert!(
        error.to_string().contains(&place.display().to_string()),
        "{error}"
    );
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    assert!(source.to_lowercase().contains(cause), "{error}: {source}");
}

#[test]
fn a_destination_below_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for mut exporter in exporters(&file.join("dest")) {
        assert_says(
            &exporter.export(&batch()).unwrap_err(),
            &file,
            "not a directory",
        );
    }
    for mut exporter in exporters(&file) {
        assert_says(&exporter.export(&batch()).unwrap_err(), &file, "exists");
    }
}

#[test]
fn what_is_not_a_file_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("runs.jsonl");
    fs::create_dir(&taken).unwrap();
    let mut exporter = Spans::new(Trees::lines(&taken));
    assert_says(
        &exporter.export(&batch()).unwrap_err(),
        &taken,
        "not a file",
    );
    fs::create_dir(folder.path().join("events-00000.jsonl")).unwrap();
    let mut exporter = EventLines::dir(folder.path());
    assert_says(
        &exporter.export(&batch()).unwrap_err(),
        &folder.path().join("events-00000.jsonl"),
        "not a file",
    );
}

#[test]
fn an_export_that_failed_does_not_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("events-00001.jsonl");
    fs::create_dir(&taken).unwrap();
    let mut exporter = Box::new(EventLines::dir(folder.path()).max_file_bytes(1));
    exporter.export(&batch()).unwrap();
    assert_says(
        &exporter.export(&batch()).unwrap_err(),
        &taken,
        "not a file",
    );
    fs::remove_dir(&taken).unwrap();
    assert_says(&exporter.export(&batch()).unwrap_err(), folder.path(), "");
    assert_says(
        &exporter.flush(Instant::now()).unwrap_err(),
        folder.path(),
        "",
    );
    assert_says(
        &exporter.close(Instant::now()).unwrap_err(),
        folder.path(),
        "",
    );
}

#[test]
fn a_stem_that_could_leave_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for stem in ["", "../x", ".hidden", "a/b", "a b"] {
        let mut exporter = EventLines::dir(folder.path().join("dest")).stem(stem);
        let error = exporter.export(&batch()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("cannot begin the names of files"),
            "{error}"
        );
    }
}

#[test]
fn spans_of_runs_that_never_ended_are_not_lost_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let spans = fold_runs(batch().events()).remove(0).spans;
    let mut exporter = Box::new(Trees::dir(folder.path()));
    exporter.export(&SpanBatch::new(spans, [])).unwrap();
    let error = exporter.close(Instant::now()).unwrap_err();
    assert!(
        error.to_string().contains("1 runs were not written"),
        "{error}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_of_the_writer() {
    let run = fold_runs(batch().events()).remove(0);
    let mut full = File::options().write(true).open("/dev/full").unwrap();
    let error = write_tree(
        &RunTree::build(run.summary, run.spans),
        &mut full,
        TreeStyle::Pretty,
    )
    .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}
