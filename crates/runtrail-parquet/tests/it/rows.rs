//! What stands in the tables.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int16Type, Int64Type};
use runtrail_core::wire::WireReader;
use runtrail_parquet::{Lake, Partition, Table, Tables};
use runtrail_testkit::run::RunBuilder;

use crate::it::support::{events, export, one_batch, read, small};

#[test]
fn every_event_is_a_row_and_its_payload_is_untouched() {
    let events = events(40);
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::local(folder.path())
        .partition(Partition::None)
        .settings(small())
        .open()
        .unwrap();
    let report = export(lake, &one_batch(&events));
    let mut rows = Vec::new();
    for batch in read(folder.path(), &report, Table::Events) {
        let ids = batch.column_by_name("event_id").unwrap().as_string::<i32>();
        let payloads = batch.column_by_name("payload").unwrap().as_string::<i32>();
        rows.extend(
            (0..batch.num_rows())
                .map(|row| (ids.value(row).to_owned(), payloads.value(row).to_owned())),
        );
    }
    let wanted: Vec<_> = events
        .iter()
        .map(|e| (e.event_id.to_string(), e.payload.text().to_string()))
        .collect();
    assert_eq!(rows, wanted);
    assert_eq!(report.totals.runs, 40);
    assert_eq!(report.totals.truncated_ops, 40);
}

#[test]
fn what_does_not_fit_a_column_is_null_there_and_counted() {
    let mut run = RunBuilder::new("r");
    run.push(
        "llm_usage",
        Some("x"),
        &[],
        r#"{"model":7,"prompt_tokens":"9","completion_tokens":2.0,"cost_usd":null}"#,
    );
    run.push(
        "op_end",
        Some("x"),
        &[],
        r#"{"status":"odd","duration_ms":1e999,"yield_count":99999999999999999999}"#,
    );
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::local(folder.path())
        .partition(Partition::None)
        .open()
        .unwrap();
    let report = export(lake, &one_batch(run.events()));
    let misfits: Vec<_> = report
        .misfits
        .iter()
        .map(|(column, count)| format!("{column} {count}"))
        .collect();
    assert_eq!(
        misfits,
        [
            "duration_ms 1",
            "llm_model 1",
            "llm_prompt_tokens 1",
            "yield_count 1"
        ]
    );
    let batch = read(folder.path(), &report, Table::Events).remove(0);
    let column = |name: &str| batch.column_by_name(name).unwrap();
    assert_eq!(
        column("llm_completion_tokens")
            .as_primitive::<Int64Type>()
            .value(0),
        2
    );
    assert!(column("llm_prompt_tokens").is_null(0) && column("llm_cost_usd").is_null(0));
    assert_eq!(column("status").as_string::<i32>().value(1), "odd");
    assert!(
        column("duration_ms")
            .as_primitive::<Float64Type>()
            .is_null(1)
    );
}

#[test]
fn nanoseconds_stand_beside_the_microseconds() {
    let line = r#"{"event_id":"e","request_id":"r","kind":"op_start","op_name":"x","timestamp":"2020-12-10T18:54:05.627515990Z","seq":0}"#;
    let event = WireReader::default().read(&line.into()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::local(folder.path()).open().unwrap();
    let report = export(lake, &one_batch(&[event]));
    assert!(
        report.files[0]
            .path
            .starts_with("events/date=2020-12-10/part-00000-"),
        "{}",
        report.files[0].path
    );
    let batch = read(folder.path(), &report, Table::Events).remove(0);
    assert_eq!(
        batch
            .column_by_name("timestamp_nanos")
            .unwrap()
            .as_primitive::<Int16Type>()
            .value(0),
        990
    );
}

#[test]
fn only_the_tables_asked_for_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let tables: Tables = "runs,groups".parse().unwrap();
    let report = export(
        Lake::local(folder.path()).tables(tables).open().unwrap(),
        &one_batch(&events(9)),
    );
    assert!(
        report
            .files
            .iter()
            .all(|file| matches!(file.table, Table::Runs | Table::Groups))
    );
    assert!(!folder.path().join("events").exists());
    assert_eq!(report.totals.ops, 9 + (0..9).sum::<u64>());
}
