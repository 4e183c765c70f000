//! Every exporter of this crate passes the suite.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use runtrail_core::export::{Exporter, Spans};
use runtrail_core::name::file_name;
use runtrail_json::{EventLines, TreeStyle, Trees};
use runtrail_testkit::conformance::{self, Suite};
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::strategies::batches_at;

fn says_truncated(path: &Path) -> bool {
    fs::read_to_string(path)
        .is_ok_and(|tree| tree.contains("the stream ended while 1 op and 1 group were open"))
}

#[test]
fn a_file_a_run() {
    Suite::new(|dest: &Path| Box::new(Spans::new(Trees::dir(dest))) as Box<dyn Exporter>)
        .truncated_by(|dest, run| says_truncated(&dest.join(file_name(run, "json"))))
        .check();
    conformance::check(|dest| Box::new(Spans::new(Trees::dir(dest).style(TreeStyle::OneLine))));
}

#[test]
fn a_line_a_run() {
    Suite::new(|dest: &Path| {
        Box::new(Spans::new(Trees::lines(dest.join("runs.jsonl")))) as Box<dyn Exporter>
    })
    .truncated_by(|dest, _| says_truncated(&dest.join("runs.jsonl")))
    .check();
}

#[test]
fn events() {
    conformance::check(|dest| Box::new(EventLines::dir(dest)));
    conformance::check(|dest| {
        Box::new(
            EventLines::dir(dest)
                .stem("small")
                .max_file_bytes(1000)
                .max_file_time(Duration::from_millis(3)),
        )
    });
}

#[test]
fn compressed_events() {
    conformance::check(|dest| Box::new(EventLines::dir(dest).zstd(3)));
    conformance::check(|dest| Box::new(EventLines::dir(dest).zstd(1).max_file_bytes(300_000)));
}

/// Exports of the same at once, from threads here and from processes elsewhere, must all end well.
#[test]
fn exports_at_once_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = Vec::new();
    for id in 0..20 {
        let mut run = RunBuilder::new(&format!("run {id}"));
        run.push("op_end", Some("x"), &[], "{}");
        runs.push(run.into_events());
    }
    let batches = batches_at(&runs.concat(), &[]);
    std::thread::scope(|scope| {
        for at_once in 0..8 {
            let (dest, batches) = (folder.path(), &batches);
            scope.spawn(move || {
                let mut exporter: Box<dyn Exporter> = match at_once % 2 {
                    0 => Box::new(Spans::new(Trees::dir(dest))),
                    _ => Box::new(EventLines::dir(dest).max_file_bytes(1)),
                };
                for batch in batches {
                    exporter.export(batch).unwrap();
                }
                exporter.close(Instant::now()).unwrap();
            });
        }
    });
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 40, "{names:?}");
}
