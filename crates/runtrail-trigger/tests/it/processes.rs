//! Several processes at one file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use runtrail_core::link::Source;
use runtrail_core::time::Timestamp;
use runtrail_trigger::{
    EventRecord, Limit, MarkerQuery, SqliteSettings, SqliteStore, TriggerRunParticipant,
    TriggerRunQuery, TriggerRunRecord, TriggerStore, TriggerStoreExt,
};

/// Names the file and the writer to the process that writes.
const FILE: &str = "RUNTRAIL_TEST_STORE";
const WRITER: &str = "RUNTRAIL_TEST_WRITER";
/// Events of each writer; every fourth starts a run.
const EVENTS: usize = 400;

/// Writes as one process of several; alone it writes to a file of its own.
#[test]
fn one_process_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os(FILE).map_or(folder.path().join("store"), PathBuf::from);
    let writer = std::env::var(WRITER).unwrap_or_else(|_| "alone".to_owned());
    let store = SqliteStore::open(path, SqliteSettings::default()).unwrap();
    for n in 0..EVENTS {
        let id = format!("{writer}-{n:04}");
        // Both writers use the same times, so that their events mix.
        let at = Timestamp::from_micros(n as i64 / 10);
        store
            .record_event(&EventRecord::new(&*id, "c", at))
            .unwrap();
        if n % 4 == 0 {
            let source = Source::Event {
                event_id: id.as_str().into(),
                request_id: None,
            };
            let participant = TriggerRunParticipant::new("c", source, at);
            let run = TriggerRunRecord::plan_any("t", participant, at);
            store.claim_run(&run).unwrap();
            store
                .started(&run.trigger_run_id, format!("r-{id}"), at)
                .unwrap();
        }
    }
    let last = format!("{writer}-{:04}", EVENTS - 1);
    assert!(store.event(&last).unwrap().is_some());
}

fn start_writer(path: &Path, writer: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new(program)
        .args(["--exact", "it::processes::one_process_writes"])
        .env(FILE, path)
        .env(WRITER, writer)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Pages through what there is; each page must fit itself and the pages before it.
fn page_through(store: &SqliteStore) -> usize {
    let everything = MarkerQuery {
        limit: Limit::MAX,
        ..MarkerQuery::default()
    };
    let page = store.find_markers(&everything).unwrap();
    assert_eq!(page.items.len() as u64, page.total, "of one snapshot");
    let mut query = MarkerQuery {
        limit: Limit::new(23).unwrap(),
        ..MarkerQuery::default()
    };
    let mut seen = BTreeSet::new();
    let mut total = 0;
    loop {
        let page = store.find_markers(&query).unwrap();
        assert!(page.total >= total, "events do not go while others come");
        total = page.total;
        assert!(page.items.len() as u64 <= total);
        for marker in &page.items {
            let place = (marker.timestamp, marker.event_id.clone());
            assert!(seen.last().is_none_or(|last| *last < place), "{marker:?}");
            seen.insert(place);
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return seen.len(),
        }
    }
}

#[test]
fn two_processes_write_while_a_third_pages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = SqliteStore::open(&path, SqliteSettings::default()).unwrap();
    let mut writers = [start_writer(&path, "a"), start_writer(&path, "b")];
    let mut rounds = 0;
    while writers
        .iter_mut()
        .any(|writer| writer.try_wait().unwrap().is_none())
    {
        page_through(&store);
        rounds += 1;
    }
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    assert!(rounds > 0, "nobody paged while the others wrote");
    assert_eq!(page_through(&store), 2 * EVENTS);
    let runs = TriggerRunQuery {
        pending: Some(false),
        ..TriggerRunQuery::default()
    };
    assert_eq!(store.find_runs(&runs).unwrap().total, 2 * EVENTS as u64 / 4);
    let triggered = MarkerQuery {
        state: "triggered".parse().unwrap(),
        ..MarkerQuery::default()
    };
    let triggered = store.find_markers(&triggered).unwrap();
    assert_eq!(triggered.total, 2 * EVENTS as u64 / 4);
}
