//! Many threads at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sample::{all_ordered, by_event, event, limit, pending, second};
use super::{Make, fresh};
use crate::query::{MarkerQuery, MarkerState};
use crate::record::Matches;
use crate::store::{TriggerStore, TriggerStoreExt};

const WRITERS: usize = 4;
const EVENTS: usize = 60;

/// Threads write events, matches and runs while others page: nothing is lost, and no page is at
/// odds with itself.
pub fn writers_and_readers_do_not_disturb_each_other(make: Make<'_>) {
    let store = fresh(make);
    let store = &*store.store;
    let writing = AtomicUsize::new(WRITERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let writing = &writing;
            scope.spawn(move || {
                for n in 0..EVENTS {
                    write(store, writer, n);
                }
                writing.fetch_sub(1, Ordering::Release);
            });
        }
        for state in [MarkerState::All, MarkerState::Triggered] {
            let writing = &writing;
            scope.spawn(move || {
                while writing.load(Ordering::Acquire) > 0 {
                    page(store, state);
                }
            });
        }
    });
    let everything = MarkerQuery {
        limit: limit(5000),
        ..MarkerQuery::default()
    };
    let page = store.find_markers(&everything).unwrap();
    assert_eq!(page.total, (WRITERS * EVENTS) as u64);
    assert!(page.items.iter().all(|marker| marker.matched));
    let triggered = page.items.iter().filter(|marker| marker.triggered).count();
    assert_eq!(triggered, WRITERS * EVENTS / 2);
}

/// Every other event starts a run. Times of all writers interleave and repeat.
fn write(store: &dyn TriggerStore, writer: usize, n: usize) {
    let id = format!("w{writer}-{n:03}");
    store
        .record_event(&event(&id, second(n as i64 / 3)))
        .unwrap();
    let matches = Matches {
        matched: vec!["m".into()],
        valid: Vec::new(),
    };
    assert!(store.update_matches(&id, &matches).unwrap());
    if n.is_multiple_of(2) {
        let run = pending(&format!("p-{id}"), by_event(&id), second(0));
        store.claim_run(&run).unwrap();
        store
            .started(&run.trigger_run_id, format!("r-{id}"), second(1))
            .unwrap();
    }
}

/// Reads what there is at the moment, in one page and in many.
fn page(store: &dyn TriggerStore, state: MarkerState) {
    let everything = MarkerQuery {
        state,
        limit: limit(5000),
        ..MarkerQuery::default()
    };
    let page = store.find_markers(&everything).unwrap();
    assert_eq!(page.items.len() as u64, page.total, "of one snapshot");
    let mut query = MarkerQuery {
        state,
        limit: limit(17),
        ..MarkerQuery::default()
    };
    let mut seen = BTreeSet::new();
    let mut total = 0;
    loop {
        let page = store.find_markers(&query).unwrap();
        assert!(page.total >= total, "events do not go while others come");
        total = page.total;
        assert!(page.items.len() as u64 <= page.total);
        all_ordered(&page.items);
        for marker in &page.items {
            assert!(state.wants(marker.matched, marker.triggered), "{marker:?}");
            assert!(seen.insert(marker.event_id.clone()), "twice: {marker:?}");
        }
        assert!(page.next.is_none() || page.items.len() == 17);
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
}
