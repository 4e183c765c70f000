//! Exporting to a folder and looking at what is there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, Exporter};
use runtrail_parquet::{Lake, LakeReport, LakeSettings, Table};
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::strategies::batches_at;

pub(crate) fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Row groups so small that a few hundred events make several, and files of a few row groups.
pub(crate) fn small() -> LakeSettings {
    LakeSettings {
        row_group_rows: 50,
        target_file_size: 20_000,
        ..LakeSettings::batch(64 << 20, 1)
    }
}

pub(crate) fn export(mut lake: Lake, batches: &[Batch]) -> LakeReport {
    let report = lake.report();
    for batch in batches {
        lake.export(batch).unwrap();
    }
    Box::new(lake).close(deadline()).unwrap();
    report.get().unwrap()
}

/// Runs of several sizes over three days, with content that is large enough to fill row groups.
pub(crate) fn events(runs: usize) -> Vec<TraceEvent> {
    let mut events = Vec::new();
    for number in 0..runs {
        let mut run = RunBuilder::new(&format!("run-{:04}", (number * 7919) % runs));
        run.step_micros(((number % 4) as u32 + 1) * 900_000_000);
        run.push("group_start", None, &[], r#"{"name":"turn"}"#);
        for step in 0..number % 9 {
            run.push(
                "op_start",
                Some("main.work"),
                &["main"],
                &format!(r#"{{"inputs":{{"step":{step},"n":1.10}}}}"#),
            );
            run.push(
                "llm_usage",
                Some("main.work"),
                &["main"],
                r#"{"model":"m","prompt_tokens":3,"cost_usd":0.5}"#,
            );
            let outputs = format!(
                r#"{{"outputs":"{}","status":"ok","duration_ms":2.5}}"#,
                "x".repeat(number * 3)
            );
            run.push("op_end", Some("main.work"), &["main"], &outputs);
        }
        run.push("op_start", Some("main.open"), &["main"], "{}");
        events.extend(run.into_events());
    }
    events.sort();
    events
}

pub(crate) fn one_batch(events: &[TraceEvent]) -> Vec<Batch> {
    batches_at(events, &[])
}

/// Every file below a folder, by its path; what is being staged aside.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect(root, root, &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.insert(name, fs::read(path).unwrap());
        }
    }
}

/// The rows of a table, read by the parquet crate's reader.
pub(crate) fn read(root: &Path, report: &LakeReport, table: Table) -> Vec<RecordBatch> {
    let files = report.files.iter().filter(|file| file.table == table);
    files
        .flat_map(|file| {
            let file = File::open(root.join(&file.path)).unwrap();
            ParquetRecordBatchReaderBuilder::try_new(file)
                .unwrap()
                .build()
                .unwrap()
                .map(Result::unwrap)
        })
        .collect()
}
