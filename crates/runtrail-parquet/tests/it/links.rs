//! The table of links: what started a run.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int16Type, TimestampMicrosecondType};
use runtrail_core::event::TraceEvent;
use runtrail_core::link::{Link, Source};
use runtrail_core::time::Timestamp;
use runtrail_parquet::{Lake, LakeSettings, Partition, Table, Tables};
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::strategies::batches_at;

use crate::it::support::{events, export, files, one_batch, read, small};

fn event(id: &str, run: Option<&str>) -> Source {
    Source::Event {
        event_id: id.into(),
        request_id: run.map(Into::into),
    }
}

fn link(source: Source, at: &str) -> Link {
    Link {
        source,
        trigger_run_id: Some("firing".into()),
        trigger_id: Some("on-order".into()),
        condition_id: None,
        at: Timestamp::parse(at).unwrap(),
    }
}

/// A run that was started by some things and then does a little.
fn started(run: &str, links: &[Link]) -> Vec<TraceEvent> {
    let mut run = RunBuilder::new(run);
    for link in links {
        run.push("annotation", None, &[], link.to_payload().text());
    }
    run.push("op_start", Some("work"), &[], "{}");
    run.into_events()
}

fn sources() -> Vec<Link> {
    let other = Source::Other {
        kind: "file".into(),
        id: "/in/a.csv".into(),
    };
    vec![
        link(other, "2026-11-21T00:00:03Z"),
        link(Source::Clock, "2026-11-21T00:00:02Z"),
        link(
            Source::Run {
                request_id: "r0".into(),
            },
            "2026-11-21T00:00:01.000000007Z",
        ),
        link(event("e", Some("r0")), "2026-11-20T23:59:59.5Z"),
        link(event("outside", None), "2026-11-21T00:00:01Z"),
    ]
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn a_link_is_a_row_on_the_day_of_what_started_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::local(folder.path()).open().unwrap();
    let report = export(lake, &one_batch(&started("r1", &sources())));
    assert_eq!(report.totals.links, 5);
    let links: Vec<_> = report
        .files
        .iter()
        .filter(|f| f.table == Table::Links)
        .collect();
    let days: Vec<_> = links
        .iter()
        .map(|file| (&file.path[..21], file.rows))
        .collect();
    assert_eq!(
        days,
        [("links/date=2026-11-20", 1), ("links/date=2026-11-21", 4)]
    );

    let batches = read(folder.path(), &report, Table::Links);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts(&batches[0], "from_event_id"), [some("e")]);
    assert_eq!(texts(&batches[0], "from_request_id"), [some("r0")]);
    let rows = &batches[1];
    assert_eq!(texts(rows, "to_request_id"), vec![some("r1"); 4]);
    assert_eq!(
        texts(rows, "source"),
        ["event", "run", "clock", "file"].map(some),
        "in the order of their times"
    );
    assert_eq!(
        texts(rows, "from_event_id"),
        [some("outside"), None, None, None]
    );
    assert_eq!(
        texts(rows, "from_request_id"),
        [None, some("r0"), None, None]
    );
    assert_eq!(
        texts(rows, "from_id"),
        [None, None, None, some("/in/a.csv")]
    );
    assert_eq!(texts(rows, "trigger_id"), vec![some("on-order"); 4]);
    assert_eq!(texts(rows, "trigger_run_id"), vec![some("firing"); 4]);
    assert_eq!(texts(rows, "condition_id"), vec![None; 4]);
    let at = rows.column_by_name("at").unwrap();
    let first = at.as_primitive::<TimestampMicrosecondType>().value(0);
    assert_eq!(first, sources()[4].at.micros());
    let nanos = rows.column_by_name("at_nanos").unwrap();
    let nanos = nanos.as_primitive::<Int16Type>();
    assert!(nanos.is_null(0) && nanos.value(1) == 7);
}

#[test]
fn an_archive_without_links_gives_the_files_of_the_other_tables_alone() {
    let export_tables = |names: &str| {
        let folder = tempfile::tempdir().unwrap();
        let tables: Tables = names.parse().unwrap();
        let lake = Lake::local(folder.path()).tables(tables).settings(small());
        export(lake.open().unwrap(), &one_batch(&events(40)));
        assert!(!folder.path().join("links").exists());
        let mut files = files(folder.path());
        // The record says which tables were asked for.
        files.retain(|path, _| !path.contains("_runtrail"));
        files
    };
    assert!(
        export_tables("events,ops,groups,runs,links") == export_tables("events,ops,groups,runs")
    );
}

#[test]
fn links_alone_are_written_where_they_alone_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::local(folder.path())
        .tables("links".parse().unwrap())
        .partition(Partition::None)
        .open()
        .unwrap();
    let report = export(lake, &one_batch(&started("r1", &sources())));
    let files: Vec<_> = report
        .files
        .iter()
        .map(|file| (file.table, file.rows))
        .collect();
    assert_eq!(files, [(Table::Links, 5)]);
}

#[test]
fn neither_memory_nor_threads_nor_batches_decide_about_the_bytes_of_links() {
    let mut events: Vec<_> = (0..120)
        .flat_map(|run| started(&format!("run-{:03}", (run * 77) % 120), &sources()))
        .collect();
    events.sort();
    let export_with = |threads, cuts: &[usize]| {
        let folder = tempfile::tempdir().unwrap();
        let settings = LakeSettings { threads, ..small() };
        let lake = Lake::local(folder.path())
            .settings(settings)
            .open()
            .unwrap();
        let report = export(lake, &batches_at(&events, cuts));
        let rows = report
            .files
            .iter()
            .filter(|file| file.table == Table::Links);
        assert_eq!(rows.map(|file| file.rows).sum::<u64>(), 600);
        files(folder.path())
    };
    let cuts: Vec<_> = (1..events.len()).step_by(5).collect();
    assert!(export_with(1, &[]) == export_with(3, &cuts));
}
