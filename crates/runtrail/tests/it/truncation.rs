//! A program that ends in the middle of a run: every exporter shows what was open in the same way.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use parquet::file::reader::SerializedFileReader;
use parquet::record::Field;
use runtrail_core::emit::Run;
use runtrail_core::event::{Ctx, EventKind, TraceEvent, View};
use runtrail_core::pipeline::Pipeline;
use runtrail_core::wire::WireReader;
use runtrail_json::{EventLines, Trees};
use runtrail_parquet::{Lake, LakeReader, RunFilter, Table};
use runtrail_testkit::capture::Capture;
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::tree::tree_text;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(20);
const INNERMOST_FIRST: [&str; 5] = ["third", "inner", "second", "outer", "first"];

/// Opens three ops and two groups, one in the other, and ends none of them.
fn open_and_leave(run: &Run) {
    let first = run.op("first", &Ctx::new(["main"]), || ());
    let outer = run.group("outer");
    let second = outer.op("second", &Ctx::new(["main", "a"]), || ());
    let inner = outer.group("inner");
    let third = inner.op("third", &Ctx::new(["main", "a", "b"]), || ());
    std::mem::forget((first, outer, second, inner, third));
}

fn lines(folder: &Path) -> Vec<TraceEvent> {
    let mut reader = WireReader::default();
    let files = std::fs::read_dir(folder).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let lines: Vec<String> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let read = lines.iter().map(|line| reader.read(&line.as_str().into()));
    read.collect::<Result<_, _>>().unwrap()
}

fn rows(folder: &Path) -> Vec<TraceEvent> {
    let lake = LakeReader::open(folder).unwrap().unwrap();
    let mut events = Vec::new();
    let read = lake.read_events(RunFilter::Every, &mut |portion, _| {
        events.extend(portion);
        Ok::<_, Infallible>(())
    });
    let Ok(read) = read;
    assert!(read.failed.is_empty() && read.bad_rows.is_empty());
    events
}

/// The texts of each row of a table, by their columns, read by the parquet crate's own reader.
fn texts(folder: &Path, table: Table) -> Vec<HashMap<String, String>> {
    let lake = LakeReader::open(folder).unwrap().unwrap();
    let parts = lake.listing().parts.iter();
    let paths = parts.filter(|part| part.table == table);
    let files = paths.map(|part| File::open(folder.join(&part.path)).unwrap());
    let rows = files.flat_map(|file| SerializedFileReader::new(file).unwrap());
    let texts = rows.map(|row| {
        let columns = row.unwrap().into_columns().into_iter();
        let texts = columns.filter_map(|(name, field)| match field {
            Field::Str(text) => Some((name, text)),
            _ => None,
        });
        texts.collect()
    });
    texts.collect()
}

/// A lake's tables of ops and groups show the same: all are truncated, each lies in the one that it was
/// opened in, and they ended in this order.
fn assert_tables_tell_of_it(folder: &Path) {
    let order: Vec<_> = rows(folder)
        .into_iter()
        .map(|event| event.event_id)
        .collect();
    let mut ops = texts(folder, Table::Ops);
    let groups = texts(folder, Table::Groups);
    ops.sort_by_key(|op| order.iter().position(|id| *id == *op["end_event_id"]));
    let names = |rows: &[HashMap<String, String>], name| -> Vec<String> {
        rows.iter().map(|row| row[name].clone()).collect()
    };
    assert_eq!(names(&ops, "op_name"), ["third", "second", "first"]);
    let mut sorted = names(&groups, "name");
    sorted.sort();
    assert_eq!(sorted, ["inner", "outer"]);
    for row in ops.iter().chain(&groups) {
        assert_eq!(row["status"], "truncated", "{row:?}");
    }
    let name_of = |id: &String| {
        let group = groups.iter().find(|group| group["span_id"] == *id);
        group.unwrap()["name"].as_str()
    };
    let within = |row: &HashMap<String, String>, column| row.get(column).map(name_of);
    let groups_of_ops: Vec<_> = ops.iter().map(|op| within(op, "group_span_id")).collect();
    assert_eq!(groups_of_ops, [Some("inner"), Some("outer"), None]);
    let parents = groups.iter().map(|group| {
        let name = group["name"].as_str();
        (name, within(group, "parent_span_id"))
    });
    let mut parents: Vec<_> = parents.collect();
    parents.sort();
    assert_eq!(parents, [("inner", Some("outer")), ("outer", None)]);
}

/// The names of what was closed as truncated, in the order of the stream.
fn truncated(events: &[TraceEvent]) -> Vec<String> {
    let closed = events.iter().filter_map(|event| match event.view() {
        View::OpEnd(end) => Some((end.status?, event.op_name.as_ref()?.to_string())),
        View::GroupEnd(end) => Some((end.status?, end.name?.as_str()?.into_owned())),
        _ => None,
    });
    let truncated = closed.filter(|(status, _)| status.as_str().as_deref() == Some("truncated"));
    truncated.map(|(_, name)| name).collect()
}

/// The names and states of everything in a tree's JSON.
fn states(value: &Value, found: &mut Vec<(String, String)>) {
    let text = |key| value.get(key).and_then(Value::as_str).map(str::to_owned);
    found.extend(text("name").zip(text("status")));
    let fields = value
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.values());
    for inner in value.as_array().into_iter().flatten().chain(fields) {
        states(inner, found);
    }
}

#[test]
fn every_exporter_shows_what_was_open_alike() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name| folder.path().join(name);
    let capture = Capture::default();
    let arrived = capture.handle();
    let trail = Pipeline::builder()
        .exporter(capture)
        .exporter(EventLines::dir(at("lines")))
        .span_exporter(Trees::dir(at("trees")))
        .exporter(Lake::local(at("lake")).open().unwrap())
        .start()
        .unwrap();
    let run = trail.run("r1");
    open_and_leave(&run);
    assert!(trail.flush(LIMIT).is_complete());
    let before = arrived.arrived();
    assert_eq!((before.events.len(), before.ends.len()), (5, 0));
    assert_eq!(truncated(&before.events), [""; 0], "a flush closes nothing");

    let report = trail.shutdown(LIMIT);
    assert!(report.is_complete(), "{report}");
    let named = report.truncated.iter().map(|open| open.name.to_string());
    assert_eq!(named.collect::<Vec<_>>(), INNERMOST_FIRST);
    assert_eq!(report.stats.imbalance(), 0);

    let captured = arrived.arrived().events;
    let text = |events: &[TraceEvent]| {
        let summed = fold_runs(events).remove(0);
        tree_text(&summed.spans, &summed.summary)
    };
    for events in [&captured, &lines(&at("lines")), &rows(&at("lake"))] {
        assert_eq!(truncated(events), INNERMOST_FIRST);
        assert_eq!(text(events), text(&captured));
        let ends = events.iter().filter(|event| event.kind == EventKind::OpEnd);
        assert_eq!(ends.count(), 3);
    }
    assert_tables_tell_of_it(&at("lake"));

    let tree = std::fs::read_dir(at("trees")).unwrap().next().unwrap();
    let tree = std::fs::read_to_string(tree.unwrap().path()).unwrap();
    let mut found = Vec::new();
    states(&serde_json::from_str(&tree).unwrap(), &mut found);
    found.retain(|(name, _)| INNERMOST_FIRST.contains(&name.as_str()));
    found.sort();
    let mut expected = INNERMOST_FIRST.map(|name| (name.to_owned(), "truncated".to_owned()));
    expected.sort();
    assert_eq!(found, expected, "{tree}");
    drop(run);
}
