//! A million events in SQLite: how fast they go in, and how little a page of the timeline reads.
//!
//! `cargo bench -p runtrail-trigger --features sqlite`; `RUNTRAIL_BENCH_EVENTS` sets another number.
//! Every ratio is of two things done in turn within one process, so that the machine's mood falls on
//! both. The bare insert is one prepared statement into one table whose key is the event's id, with no
//! other index, in the same transactions and with the same settings of SQLite. Fails where the store is
//! slower than half of a bare insert, or a page reads more than a hundredth of the file.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement ends where anything goes wrong, and prints what it found"
)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use runtrail_core::time::Timestamp;
use runtrail_trigger::{
    EventRecord, JsonText, Limit, MarkerQuery, MarkerState, SqliteSettings, SqliteStore, TimeRange,
    TriggerStore,
};
use rusqlite::{Connection, params};

/// Events that are recorded in one call, and rows of one transaction of the bare insert.
const BATCH: usize = 1000;
/// Events between the turns of the two.
const TURN: usize = 50_000;
/// The smallest share of a bare insert's rate that will do.
const LEAST_RATE: f64 = 0.5;
/// The largest share of the file that a page may read.
const LARGEST_SHARE: f64 = 0.01;

fn main() {
    let wanted = std::env::var("RUNTRAIL_BENCH_EVENTS").ok();
    let events: usize = wanted.map_or(1_000_000, |n| n.parse().unwrap());
    let mut found = Vec::new();
    for (ids, ordered) in [("in the order of time", true), ("in no order", false)] {
        ORDERED.store(ordered, Ordering::Relaxed);
        println!("{events} events, ids {ids}");
        let folder = tempfile::tempdir().unwrap();
        let rate = inserts(folder.path(), events);
        found.push((rate, pages(folder.path(), events)));
    }
    for (rate, share) in found {
        assert!(rate >= LEAST_RATE, "inserts at {rate:.2} of a bare insert");
        assert!(
            share <= LARGEST_SHARE,
            "a page reads {share:.4} of the file"
        );
    }
}

/// Whether ids are in the order of time, as version 7 UUIDs are, or in none, as version 4 UUIDs.
static ORDERED: AtomicBool = AtomicBool::new(false);

/// An event of a busy shop: 10 ms apart, every other from a run.
fn event(n: usize) -> EventRecord {
    let id = if ORDERED.load(Ordering::Relaxed) {
        n as u64
    } else {
        (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let code = ["order.created", "order.paid", "mail.sent", "stock.low"][n % 4];
    let at = Timestamp::from_micros(1_790_000_000_000_000 + n as i64 * 10_000);
    let mut event = EventRecord::new(format!("{id:016x}"), code, at);
    if n.is_multiple_of(2) {
        event = event.emitted_by(format!("req-{:08}", n / 10));
    }
    let filler = "x".repeat(200);
    let payload = format!(r#"{{"order":{n},"total":19.90,"items":["{filler}"]}}"#);
    event.payload = JsonText::parse(payload).unwrap();
    event
}

fn inserts(folder: &Path, events: usize) -> f64 {
    let store = SqliteStore::open(folder.join("store"), SqliteSettings::default()).unwrap();
    let mut bare = Connection::open(folder.join("bare")).unwrap();
    bare.pragma_update(None, "journal_mode", "WAL").unwrap();
    bare.pragma_update(None, "synchronous", "NORMAL").unwrap();
    bare.pragma_update(None, "cache_size", -16_384).unwrap();
    bare.pragma_update(None, "wal_autocheckpoint", 4000)
        .unwrap();
    bare.execute_batch(
        "CREATE TABLE events (event_id TEXT PRIMARY KEY, ts INTEGER, ns INTEGER, code TEXT, request_id TEXT, payload TEXT)",
    )
    .unwrap();
    let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
    for first in (0..events).step_by(TURN) {
        let turn: Vec<EventRecord> = (first..(first + TURN).min(events)).map(event).collect();
        theirs += timed(|| {
            turn.chunks(BATCH)
                .for_each(|rows| insert_bare(&mut bare, rows));
        });
        ours += timed(|| {
            for batch in turn.chunks(BATCH) {
                store.record_events(batch).unwrap();
            }
        });
    }
    let rate = theirs.as_secs_f64() / ours.as_secs_f64();
    println!(
        "  {BATCH} at a time: {rate:.2} of the rate of a bare insert \
         ({:.0} against {:.0} a second)",
        events as f64 / ours.as_secs_f64(),
        events as f64 / theirs.as_secs_f64()
    );
    one_by_one(&store, &mut bare, events);
    rate
}

/// A call each, as engines do it.
fn one_by_one(store: &SqliteStore, bare: &mut Connection, first: usize) {
    let events: Vec<EventRecord> = (first..first + 20_000).map(event).collect();
    let theirs = timed(|| events.chunks(1).for_each(|row| insert_bare(bare, row)));
    let ours = timed(|| {
        for one in events.chunks(1) {
            store.record_events(one).unwrap();
        }
    });
    println!(
        "  one at a time: {:.2} of the rate of a bare insert ({:.0} a second)",
        theirs.as_secs_f64() / ours.as_secs_f64(),
        20_000.0 / ours.as_secs_f64()
    );
}

fn insert_bare(bare: &mut Connection, rows: &[EventRecord]) {
    let transaction = bare.transaction().unwrap();
    let mut insert = transaction
        .prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)")
        .unwrap();
    for event in rows {
        insert
            .execute(params![
                &*event.event_id,
                event.timestamp.micros(),
                event.timestamp.nanos(),
                &*event.code,
                event.request_id.as_deref(),
                event.payload.as_str(),
            ])
            .unwrap();
    }
    drop(insert);
    transaction.commit().unwrap();
}

/// Returns the largest share of the file that any page reads.
fn pages(folder: &Path, events: usize) -> f64 {
    let size = fs::metadata(folder.join("store")).unwrap().len();
    let middle = event(events / 2).timestamp;
    let mut largest: f64 = 0.0;
    for (what, state, range) in [
        (
            "1000 markers, no range",
            MarkerState::All,
            TimeRange::default(),
        ),
        (
            "1000 markers, from the middle",
            MarkerState::All,
            TimeRange {
                from: Some(middle),
                until: None,
            },
        ),
        (
            "1000 untriggered, the middle half",
            MarkerState::Untriggered,
            TimeRange {
                from: Some(event(events / 4).timestamp),
                until: Some(event(events / 4 * 3).timestamp),
            },
        ),
    ] {
        // A store of its own: nothing of the file is at hand yet.
        let store = SqliteStore::open_existing(folder.join("store"), SqliteSettings::default());
        let store = store.unwrap();
        let query = MarkerQuery {
            state,
            range,
            limit: Limit::new(1000).unwrap(),
            after: None,
        };
        let before = bytes_read();
        let began = Instant::now();
        let page = store.find_markers(&query).unwrap();
        let took = began.elapsed();
        let read = bytes_read() - before;
        assert_eq!(page.items.len(), 1000.min(page.total as usize));
        let share = read as f64 / size as f64;
        largest = largest.max(share);
        println!(
            "  {what}: total {}, {} pages of {} read ({:.3} %), {:.1} ms",
            page.total,
            read / 4096,
            size / 4096,
            share * 100.0,
            took.as_secs_f64() * 1e3
        );
    }
    largest
}

/// Bytes that this thread has read from files so far, cached by the system or not.
fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").unwrap();
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.unwrap().trim().parse().unwrap()
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}
