//! What is held of unfinished runs is bounded.

use std::fs;
use std::path::Path;
use std::time::Instant;

use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, Exporter, Spans};
use runtrail_json::{TreeLimits, Trees, TreesCounts};
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::strategies::batches_at;

fn export(dest: &Path, limits: TreeLimits, batches: &[Batch]) -> (String, TreesCounts) {
    let trees = Trees::lines(dest.join("runs.jsonl")).limits(limits);
    let report = trees.report();
    let mut exporter = Box::new(Spans::new(trees));
    for batch in batches {
        exporter.export(batch).unwrap();
    }
    exporter.close(Instant::now()).unwrap();
    (
        fs::read_to_string(dest.join("runs.jsonl")).unwrap(),
        report.read(),
    )
}

/// Three runs, whose ops hold 1000 bytes of content each, interleaved.
fn stream() -> Vec<TraceEvent> {
    let mut runs = ["a", "b", "c"].map(RunBuilder::new);
    let content = "x".repeat(498);
    for op in 0..4 {
        for (index, run) in runs
            .iter_mut()
            .enumerate()
            .filter(|(index, _)| *index != 2 || op < 2)
        {
            let name = format!("op-{index}-{op}");
            run.push(
                "op_start",
                Some(&name),
                &[],
                &format!(r#"{{"inputs":"{content}"}}"#),
            );
            run.push(
                "op_end",
                Some(&name),
                &[],
                &format!(r#"{{"outputs":"{content}","status":"ok"}}"#),
            );
        }
    }
    let mut rest = runs.map(|run| run.into_events().into_iter());
    let mut stream = Vec::new();
    for turn in 0..24 {
        stream.extend(rest[turn % 3].next());
    }
    stream
}

#[test]
fn content_beyond_the_limit_is_left_out_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let stream = stream();
    let whole = batches_at(&stream, &[]);
    let limits = TreeLimits {
        max_held_bytes: 8000,
        ..TreeLimits::default()
    };
    let (text, counts) = export(folder.path(), limits, &whole);
    assert!(
        counts.content_dropped > 0 && counts.content_dropped % 500 == 0,
        "{counts:?}"
    );
    assert!(text.contains(r#""content_dropped":500"#), "{text}");
    assert_eq!((counts.runs, counts.ops, counts.spans_dropped), (3, 10, 0));

    // Where the limit bites does not depend on how the stream is split.
    let every: Vec<usize> = (0..stream.len()).collect();
    let (again, same_counts) = export(folder.path(), limits, &batches_at(&stream, &every));
    assert_eq!((again, same_counts), (text, counts));

    let (_, counts) = export(folder.path(), TreeLimits::default(), &whole);
    assert_eq!(counts.content_dropped, 0);
}

#[test]
fn room_is_free_again_when_a_run_ends() {
    let folder = tempfile::tempdir().unwrap();
    let one_by_one: Vec<TraceEvent> = {
        let mut stream = stream();
        stream.sort();
        stream
    };
    let limits = TreeLimits {
        max_held_bytes: 10_000,
        max_held_spans: 4,
    };
    let (_, counts) = export(folder.path(), limits, &batches_at(&one_by_one, &[]));
    assert_eq!((counts.content_dropped, counts.spans_dropped), (0, 0));
}

#[test]
fn spans_beyond_the_limit_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let limits = TreeLimits {
        max_held_spans: 3,
        ..TreeLimits::default()
    };
    let (text, counts) = export(folder.path(), limits, &batches_at(&stream(), &[]));
    assert!(counts.spans_dropped > 0);
    assert!(text.contains(r#""spans_dropped":"#), "{text}");
    assert_eq!(counts.ops, 10, "the summary counts all the same");
}
