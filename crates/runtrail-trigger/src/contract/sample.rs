//! Records to check stores with.

use runtrail_core::link::{Link, Source};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use crate::query::{Limit, MarkerQuery, TimeRange};
use crate::record::{
    EventMarker, EventRecord, LinkRecord, TriggerRunParticipant, TriggerRunRecord,
};
use crate::store::{TriggerStore, TriggerStoreExt};

/// A time, so many seconds after a certain one.
pub(super) fn second(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000 + seconds * 1_000_000)
}

pub(super) fn event(id: &str, at: Timestamp) -> EventRecord {
    EventRecord::new(id, "order.created", at)
}

pub(super) fn texts(texts: &[&str]) -> Vec<Text> {
    texts.iter().map(|text| Text::from(*text)).collect()
}

pub(super) fn by_event(event_id: &str) -> Source {
    Source::Event {
        event_id: event_id.into(),
        request_id: None,
    }
}

pub(super) fn by_run(request_id: &str) -> Source {
    Source::Run {
        request_id: request_id.into(),
    }
}

/// A pending trigger run with one condition `c` and an id of one's own.
pub(super) fn pending(id: &str, source: Source, at: Timestamp) -> TriggerRunRecord {
    let participant = TriggerRunParticipant::new("c", source, at);
    TriggerRunRecord {
        trigger_run_id: id.into(),
        ..TriggerRunRecord::plan_any("t", participant, at)
    }
}

/// A link from a source to a run, without any condition.
pub(super) fn link(source: Source, to: &str, at: Timestamp) -> LinkRecord {
    LinkRecord {
        to_request_id: to.into(),
        link: Link {
            source,
            trigger_run_id: None,
            trigger_id: None,
            condition_id: None,
            at,
        },
    }
}

/// Claims a run, starts it, and says so at the time of the plan.
pub(super) fn start(store: &dyn TriggerStore, run: &TriggerRunRecord, request_id: &str) {
    store.claim_run(run).unwrap();
    store
        .started(&run.trigger_run_id, request_id, run.planned_at)
        .unwrap();
}

pub(super) fn limit(records: i64) -> Limit {
    Limit::new(records).unwrap()
}

pub(super) fn range(from: Timestamp, until: Timestamp) -> TimeRange {
    TimeRange {
        from: Some(from),
        until: Some(until),
    }
}

/// Follows a query from its first page to its last, and checks every page against the others.
pub(super) fn all_markers(store: &dyn TriggerStore, query: &MarkerQuery) -> Vec<EventMarker> {
    let mut query = query.clone();
    let mut markers = Vec::new();
    let first = store.find_markers(&query).unwrap();
    loop {
        let page = store.find_markers(&query).unwrap();
        assert_eq!(page.total, first.total, "the total of a later page");
        assert_eq!(page.limit, query.limit);
        assert!(page.items.len() <= query.limit.get());
        assert!(page.next.is_none() || page.items.len() == query.limit.get());
        markers.extend(page.items);
        assert!(markers.len() as u64 <= first.total, "more than the total");
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(markers.len() as u64, first.total, "fewer than the total");
    markers
}

/// Numbers that look random and are the same every time.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below a bound.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    /// Whether one of so many comes up.
    pub(super) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// Checks that markers are in the order of a timeline, each once.
pub(super) fn all_ordered(markers: &[EventMarker]) {
    let place = |marker: &EventMarker| (marker.timestamp, marker.event_id.clone());
    for pair in markers.windows(2) {
        assert!(place(&pair[0]) < place(&pair[1]), "{pair:?}");
    }
}
