//! Reading a lake back.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use runtrail_core::event::TraceEvent;
use runtrail_core::wire::{WireReader, event_to_json};
use runtrail_parquet::{EventsRead, Lake, LakeReader, LakeSettings, RunFilter, Table};
use runtrail_testkit::strategies::runs;

use crate::it::support::{events, export, one_batch, small};

fn exported(events: &[TraceEvent], settings: LakeSettings) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::local(folder.path())
        .settings(settings)
        .open()
        .unwrap();
    export(lake, &one_batch(events));
    folder
}

fn read(root: &Path, filter: RunFilter<'_>) -> (Vec<TraceEvent>, EventsRead) {
    let lake = LakeReader::open(root).unwrap().unwrap();
    let mut events = Vec::new();
    let read = lake
        .read_events(filter, &mut |more, _| {
            events.extend(more);
            Ok::<(), Infallible>(())
        })
        .unwrap();
    events.sort();
    (events, read)
}

fn lines(events: &[TraceEvent]) -> Vec<String> {
    events.iter().map(event_to_json).collect()
}

#[test]
fn what_comes_back_is_what_was_exported() {
    let mut events = events(60);
    let odd = [
        r#"{"event_id":"o1","request_id":"odd","kind":"pause","op_name":null,"ctx":["a/b","[0]",""],"timestamp":"2020-12-10T18:54:05.627515990Z","seq":9223372036854775807,"payload":{ "n" : 1.10, "n":123456789012345678901234567890, "é":"\u00e9" },"host":"h","z":[1 , 2]}"#,
        r#"{"event_id":"","request_id":"odd","kind":"op_end","timestamp":"0001-01-01T00:00:00Z","seq":0}"#,
        r#"{"event_id":"o3","request_id":"","kind":"","op_name":"","ctx":[],"timestamp":"1969-12-31T23:59:59.999999999Z","seq":3,"payload":{}}"#,
    ];
    let mut reader = WireReader::default();
    events.extend(odd.map(|line| reader.read(&line.into()).unwrap()));
    events.sort();
    let lake = exported(&events, small());
    let (back, report) = read(lake.path(), RunFilter::Every);
    assert_eq!(lines(&back), lines(&events));
    assert!(
        back.iter()
            .zip(&events)
            .all(|(a, b)| a.payload.slots() == b.payload.slots())
    );
    assert_eq!(report.events, events.len() as u64);
    assert!(report.failed.is_empty() && report.bad_rows.is_empty() && report.row_groups > 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_runs_come_back(runs in runs()) {
        let mut events: Vec<_> = runs.into_iter().flatten().collect();
        events.sort();
        let lake = exported(&events, small());
        prop_assert_eq!(lines(&read(lake.path(), RunFilter::Every).0), lines(&events));
    }
}

#[test]
fn one_run_is_read_from_the_row_groups_that_can_hold_it() {
    let events = events(200);
    let lake = exported(&events, small());
    for wanted in ["run-0007", "run-0123", "nothing"] {
        let of_run: Vec<_> = events
            .iter()
            .filter(|e| e.request_id == *wanted)
            .cloned()
            .collect();
        let (only, pruned) = read(lake.path(), RunFilter::Only(wanted));
        assert_eq!(lines(&only), lines(&of_run), "{wanted}");
        assert!(
            pruned.row_groups > 20 && pruned.row_groups_read <= 2,
            "{pruned:?}"
        );
        let (matching, found) = read(
            lake.path(),
            RunFilter::Matching(&mut |run| run.starts_with(wanted)),
        );
        assert_eq!(
            (lines(&matching), found.row_groups_read),
            (lines(&of_run), pruned.row_groups_read)
        );
    }
}

#[test]
fn the_log_says_which_files_belong_to_the_lake() {
    let lake = exported(&events(40), small());
    let reader = || LakeReader::open(lake.path()).unwrap().unwrap();
    let parts: Vec<_> = reader()
        .listing()
        .parts_of(Table::Events)
        .cloned()
        .collect();
    assert!(parts.len() > 1 && reader().listing().stray.is_empty());
    let before = read(lake.path(), RunFilter::Every).0.len();

    let stray = lake.path().join("events/copy.parquet");
    fs::copy(lake.path().join(&parts[0].path), &stray).unwrap();
    assert_eq!(reader().listing().stray, ["events/copy.parquet"]);
    assert_eq!(read(lake.path(), RunFilter::Every).0.len(), before);

    fs::remove_file(lake.path().join(&parts[0].path)).unwrap();
    assert_eq!(reader().listing().missing, parts[..1]);
    let rows = parts[0].rows.unwrap() as usize;
    assert_eq!(read(lake.path(), RunFilter::Every).0.len(), before - rows);

    // Without a log there is nothing to go by but the folders.
    fs::remove_dir_all(lake.path().join("_runtrail/log")).unwrap();
    let (all, _) = read(lake.path(), RunFilter::Every);
    assert_eq!(all.len(), before);
    assert!(
        LakeReader::open(&lake.path().join("events"))
            .unwrap()
            .is_none()
    );
}

#[test]
fn damage_costs_no_more_than_its_part() {
    let all = events(40);
    let lake = exported(&all, small());
    let listing = LakeReader::open(lake.path())
        .unwrap()
        .unwrap()
        .listing()
        .clone();
    let part = listing.parts_of(Table::Events).next().unwrap().clone();
    let path = lake.path().join(&part.path);
    let bytes = fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 97 + 1) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();
        let (events, _) = read(lake.path(), RunFilter::Every);
        assert!(
            events.len() as u64 >= all.len() as u64 - part.rows.unwrap(),
            "{at}"
        );
        assert!(events.len() <= all.len(), "{at}");
    }
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let (_, report) = read(lake.path(), RunFilter::Every);
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].place(), part.path);
}
