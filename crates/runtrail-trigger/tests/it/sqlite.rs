//! What only a store in a file can do wrong.

use std::path::PathBuf;
use std::time::Duration;

use runtrail_core::time::Timestamp;
use runtrail_trigger::{
    Durability, EventFilter, EventRecord, SqliteSettings, SqliteStore, StoreErrorKind, Stored,
    TriggerStore, TriggerStoreExt,
};
use rusqlite::Connection;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("triggers");
    (folder, path)
}

fn event(id: &str) -> EventRecord {
    EventRecord::new(id, "c", Timestamp::from_micros(1))
}

#[test]
fn what_was_recorded_is_there_when_the_file_is_opened_again() {
    let (_folder, path) = place();
    for durability in [Durability::Process, Durability::Power] {
        let settings = SqliteSettings {
            durability,
            ..SqliteSettings::default()
        };
        let store = SqliteStore::open(&path, settings).unwrap();
        let id = format!("{durability:?}");
        assert_eq!(store.record_event(&event(&id)).unwrap(), Stored::New);
    }
    let store = SqliteStore::open_existing(&path, SqliteSettings::default()).unwrap();
    assert_eq!(store.count_events(&EventFilter::default()).unwrap(), 2);
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let (_folder, path) = place();
    let open = || SqliteStore::open(&path, SqliteSettings::default());
    let existing = || SqliteStore::open_existing(&path, SqliteSettings::default());
    let kind = |result: Result<SqliteStore, _>| {
        result
            .map(drop)
            .map_err(|error: runtrail_trigger::StoreError| error.kind())
    };
    assert_eq!(kind(existing()), Err(StoreErrorKind::Failed));
    assert!(!path.exists());

    for content in ["", "not a database, and long enough to be looked at as one"] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(
            kind(existing()),
            Err(StoreErrorKind::NotAStore),
            "{content:?}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    assert_eq!(kind(open()), Err(StoreErrorKind::NotAStore));
    std::fs::remove_file(&path).unwrap();

    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE mine (x)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert_eq!(kind(open()), Err(StoreErrorKind::NotAStore));
    assert_eq!(kind(existing()), Err(StoreErrorKind::NotAStore));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let (_folder, path) = place();
    drop(SqliteStore::open(&path, SqliteSettings::default()).unwrap());
    let file = Connection::open(&path).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(&path, SqliteSettings::default()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotAStore);
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[test]
fn threads_that_open_a_new_file_at_once_make_one_store() {
    let (_folder, path) = place();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let store = SqliteStore::open(path, SqliteSettings::default()).unwrap();
                store.record_event(&event(&format!("e{thread}"))).unwrap();
            });
        }
    });
    let store = SqliteStore::open_existing(&path, SqliteSettings::default()).unwrap();
    assert_eq!(store.count_events(&EventFilter::default()).unwrap(), 8);
}

#[test]
fn a_writer_that_holds_the_file_too_long_is_named() {
    let (_folder, path) = place();
    let settings = SqliteSettings {
        busy_timeout: Duration::from_millis(20),
        ..SqliteSettings::default()
    };
    let store = SqliteStore::open(&path, settings).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.record_event(&event("e")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
    // Readers do not wait for it.
    assert_eq!(store.event("e").unwrap(), None);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.record_event(&event("e")).unwrap(), Stored::New);
}

#[test]
fn more_threads_than_readers_take_turns() {
    let (_folder, path) = place();
    let settings = SqliteSettings {
        max_readers: 2,
        ..SqliteSettings::default()
    };
    let store = SqliteStore::open(&path, settings).unwrap();
    store.record_event(&event("e")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert!(store.event("e").unwrap().is_some());
                }
            });
        }
    });
}

#[test]
fn a_large_purge_goes_step_by_step_to_its_end() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path, SqliteSettings::default()).unwrap();
    let events: Vec<EventRecord> = (0..1700)
        .map(|n| EventRecord::new(format!("e{n}"), "c", Timestamp::from_micros(n)))
        .collect();
    store.record_events(&events).unwrap();
    let retention = runtrail_trigger::Retention {
        max_events: Some(7),
        ..runtrail_trigger::Retention::default()
    };
    assert_eq!(store.purge(&retention).unwrap().events, 1693);
    assert_eq!(store.count_events(&EventFilter::default()).unwrap(), 7);
}
