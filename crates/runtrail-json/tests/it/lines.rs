//! Archives: what is written reads back, and files end where they should.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, Exporter};
use runtrail_json::{EventLines, LinesCounts};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::golden::{archive_events, engine_samples};
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::strategies;

fn export(lines: EventLines, events: &[TraceEvent]) -> LinesCounts {
    let report = lines.report();
    let mut exporter = Box::new(lines);
    exporter.export(&Batch::new(events, [])).unwrap();
    exporter.close(Instant::now()).unwrap();
    report.read()
}

/// The events in the files of an export, in the order of the files.
fn read_back(counts: &LinesCounts) -> Vec<TraceEvent> {
    let files = counts.files.iter().map(|file| {
        let bytes = fs::read(&file.path).unwrap();
        assert_eq!(bytes.len() as u64, file.bytes);
        let compressed = file
            .path
            .extension()
            .is_some_and(|extension| extension == "zst");
        let bytes = if compressed {
            zstd::decode_all(&bytes[..]).unwrap()
        } else {
            bytes
        };
        let events = archive_events(&bytes);
        assert_eq!(events.len() as u64, file.events);
        events
    });
    files.flatten().collect()
}

fn names(dest: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dest)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn one_second_apart(count: u32) -> Vec<TraceEvent> {
    let mut run = RunBuilder::new("r1");
    run.step_micros(1_000_000);
    for _ in 0..count {
        run.push("op_end", Some("x"), &["main"], r#"{"status":"ok"}"#);
    }
    run.into_events()
}

#[test]
fn recorded_runs_read_back_as_they_were() {
    for sample in engine_samples() {
        let folder = tempfile::tempdir().unwrap();
        let counts = export(EventLines::dir(folder.path()), &sample.events);
        let read = read_back(&counts);
        assert_eq!(read.len(), sample.events.len());
        assert!(
            read.iter()
                .zip(&sample.events)
                .all(|(read, sample)| read.is_repeat_of(sample)),
            "{}",
            sample.name
        );
        let [now, before] = [&read, &sample.events].map(|events| {
            let summaries: Vec<_> = fold_runs(events)
                .into_iter()
                .map(|run| run.summary)
                .collect();
            summaries
        });
        assert_eq!(now, before, "{}", sample.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_written_reads_back_the_same(
        stream in strategies::runs().prop_flat_map(strategies::interleaved),
        max_file_bytes in 1..4000_u64,
        compressed in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let lines = EventLines::dir(folder.path()).max_file_bytes(max_file_bytes);
        let counts = export(if compressed { lines.zstd(1) } else { lines }, &stream);
        prop_assert_eq!(read_back(&counts), stream);
    }
}

#[test]
fn a_file_ends_before_it_grows_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let events = one_second_apart(10);
    let line = runtrail_core::wire::event_to_json(&events[0]).len() as u64 + 1;
    let counts = export(
        EventLines::dir(folder.path()).max_file_bytes(3 * line),
        &events,
    );
    assert_eq!(
        counts
            .files
            .iter()
            .map(|file| file.events)
            .collect::<Vec<_>>(),
        [3, 3, 3, 1]
    );
    assert_eq!((counts.events, counts.bytes), (10, 10 * line));
    let counts = export(EventLines::dir(folder.path()).max_file_bytes(1), &events);
    assert!(counts.files.iter().all(|file| file.events == 1));
}

#[test]
fn a_file_ends_before_it_covers_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = one_second_apart(7);
    let limit = Duration::from_secs(2);
    let counts = export(EventLines::dir(folder.path()).max_file_time(limit), &events);
    assert_eq!(
        counts
            .files
            .iter()
            .map(|file| file.events)
            .collect::<Vec<_>>(),
        [3, 3, 1]
    );
    events.reverse();
    let counts = export(EventLines::dir(folder.path()).max_file_time(limit), &events);
    assert_eq!(
        counts
            .files
            .iter()
            .map(|file| file.events)
            .collect::<Vec<_>>(),
        [3, 3, 1]
    );
}

#[test]
fn another_export_takes_the_place_of_the_former_one() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path();
    export(
        EventLines::dir(dest).max_file_bytes(1),
        &one_second_apart(3),
    );
    for other in [
        "events-1.jsonl",
        "events-00007.json",
        "mine.txt",
        "other-00000.jsonl",
    ] {
        fs::write(dest.join(other), "").unwrap();
    }
    let counts = export(EventLines::dir(dest).zstd(3), &one_second_apart(1));
    assert_eq!(counts.removed, 3);
    let left = [
        "events-00000.jsonl.zst",
        "events-00007.json",
        "events-1.jsonl",
        "mine.txt",
        "other-00000.jsonl",
    ];
    assert_eq!(names(dest), left);

    let counts = export(EventLines::dir(dest), &[]);
    assert_eq!(
        (counts.removed, names(dest).len()),
        (0, left.len()),
        "an export of nothing changes nothing"
    );
}
