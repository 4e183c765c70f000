//! Recording events and reading them back.

use runtrail_core::text::Text;

use super::sample::{by_event, event, limit, link, range, second, texts};
use super::{Make, fresh};
use crate::query::{EventFilter, EventQuery, LinkQuery, MarkerQuery};
use crate::record::{EventRecord, JsonText, Matches, Record};
use crate::store::{Stored, TriggerStoreExt};
use crate::{Limit, StoreErrorKind};

fn full() -> EventRecord {
    let text = r#"{"event_id":"é/1","code":"order.created","timestamp":"2026-11-21T01:00:00.000000789Z",
        "request_id":"shop-7","payload":{"b":1.10,"a":[12345678901234567890],"b":"\u0007"},
        "matched_conditions":["m2","m1"],"valid_conditions":["v"],"triggered_runs":["r2","r1"],
        "shop":"north","n":1e400}"#;
    EventRecord::from_json(text).unwrap()
}

/// An event is read back as it was recorded, byte for byte; its lists sorted. Of ids that are not
/// there there is nothing.
pub fn recorded_events_come_back(make: Make<'_>) {
    let store = fresh(make);
    assert_eq!(store.record_events(&[]).unwrap(), []);
    let events = [full(), event("e2", second(2))];
    assert_eq!(
        store.record_events(&events).unwrap(),
        [Stored::New, Stored::New]
    );
    let mut wanted = full();
    wanted.matched_conditions = texts(&["m1", "m2"]);
    wanted.triggered_runs = texts(&["r1", "r2"]);
    let found = store.get_events(&["e2", "nobody", "é/1", "e2"]).unwrap();
    let e2 = Some(events[1].clone());
    assert_eq!(found, [e2.clone(), None, Some(wanted), e2]);
    assert_eq!(store.event("").unwrap(), None);
    assert_eq!(store.get_events(&[]).unwrap(), []);
}

/// A batch with a record that is too large is refused as a whole.
pub fn a_batch_is_recorded_as_a_whole(make: Make<'_>) {
    let store = fresh(make);
    let mut large = event("large", second(2));
    large.code = "c".repeat(1 << 20).into();
    let error = store
        .record_events(&[event("small", second(1)), large])
        .unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::TooLarge, "{error}");
    assert_eq!(store.event("small").unwrap(), None);
    assert_eq!(store.count_events(&EventFilter::default()).unwrap(), 0);
}

/// The same event again is known; another one with its id is a conflict and changes nothing.
pub fn an_id_that_is_used_again_is_a_conflict(make: Make<'_>) {
    let store = fresh(make);
    let first = event("e", second(1));
    assert_eq!(store.record_event(&first).unwrap(), Stored::New);
    assert_eq!(store.record_event(&first).unwrap(), Stored::Known);
    let change = |change: &dyn Fn(&mut EventRecord)| {
        let mut other = first.clone();
        change(&mut other);
        other.matched_conditions = texts(&["late"]);
        other.triggered_runs = texts(&["late"]);
        other
    };
    let others = [
        change(&|other| other.code = "other".into()),
        change(&|other| other.timestamp = second(2)),
        change(&|other| other.request_id = Some("shop-7".into())),
        change(&|other| other.payload = JsonText::parse("{ }").unwrap()),
        change(&|other| other.extra = JsonText::parse(r#"{"k":1}"#)),
    ];
    let stored = store.record_events(&others).unwrap();
    assert_eq!(stored, [Stored::Conflict; 5]);
    assert_eq!(store.event("e").unwrap(), Some(first));
    let codes = store.codes(None, Limit::MAX).unwrap();
    assert_eq!(codes.len(), 1, "{codes:?}");
}

/// Whatever is said of an event later, what was known of it stays: the flags, the conditions, the
/// runs that it triggered.
pub fn a_later_update_takes_nothing_back(make: Make<'_>) {
    let store = fresh(make);
    let bare = event("e", second(1));
    store.record_event(&bare).unwrap();
    let first = Matches {
        matched: texts(&["m1"]),
        valid: texts(&["v1"]),
    };
    assert!(store.update_matches("e", &first).unwrap());
    assert!(!store.update_matches("nobody", &first).unwrap());
    store
        .link_runs(&[link(by_event("e"), "r1", second(2))])
        .unwrap();
    // Triggered first and matched afterwards, as where the match is recorded late.
    store.record_event(&event("late", second(0))).unwrap();
    store
        .link_runs(&[link(by_event("late"), "r1", second(2))])
        .unwrap();
    assert!(store.update_matches("late", &first).unwrap());
    let late = store.find_markers(&MarkerQuery::default()).unwrap().items;
    assert!(late[0].matched && late[0].triggered, "{late:?}");

    let second_time = Matches {
        matched: texts(&["m2", "m1"]),
        valid: Vec::new(),
    };
    assert!(store.update_matches("e", &second_time).unwrap());
    assert!(store.update_matches("e", &Matches::default()).unwrap());
    assert_eq!(store.record_event(&bare).unwrap(), Stored::Known);
    // What is said next would raise the flags again.
    let page = store.find_markers(&MarkerQuery::default()).unwrap();
    assert!(page.items[1].matched && page.items[1].triggered);
    let mut again = bare.clone();
    again.valid_conditions = texts(&["v2"]);
    again.triggered_runs = texts(&["r0"]);
    assert_eq!(store.record_event(&again).unwrap(), Stored::Known);

    let found = store.event("e").unwrap().unwrap();
    assert_eq!(found.matched_conditions, texts(&["m1", "m2"]));
    assert_eq!(found.valid_conditions, texts(&["v1", "v2"]));
    assert_eq!(found.triggered_runs, texts(&["r0", "r1"]));
    let page = store.find_markers(&MarkerQuery::default()).unwrap();
    assert_eq!(page.items[1], found.marker());
    assert!(page.items[1].matched && page.items[1].triggered);
}

/// A link may be there before its event; then the event is a triggered one from the beginning, and
/// the link learns which run emitted it.
pub fn an_event_may_come_after_its_links(make: Make<'_>) {
    let store = fresh(make);
    store
        .link_runs(&[link(by_event("e"), "r1", second(2))])
        .unwrap();
    assert_eq!(store.event("e").unwrap(), None);
    store
        .record_event(&event("e", second(1)).emitted_by("shop-7"))
        .unwrap();
    let found = store.event("e").unwrap().unwrap();
    assert_eq!(found.triggered_runs, texts(&["r1"]));
    let filter = EventFilter {
        triggered: Some(true),
        ..EventFilter::default()
    };
    assert_eq!(store.count_events(&filter).unwrap(), 1);
    let from = LinkQuery::FromRun("shop-7".into());
    let links = store.links(&from, Limit::MAX).unwrap().links;
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].to_request_id, "r1");
}

/// Codes are listed in their order with the number of their events, some at a time.
pub fn codes_are_listed_and_counted(make: Make<'_>) {
    let store = fresh(make);
    assert_eq!(store.codes(None, Limit::MAX).unwrap(), []);
    for (index, code) in ["b", "a", "b", "é", "B"].into_iter().enumerate() {
        let event = EventRecord::new(format!("e{index}"), code, second(index as i64));
        store.record_event(&event).unwrap();
    }
    let listed = |after, most| {
        let codes = store.codes(after, limit(most)).unwrap().into_iter();
        codes
            .map(|code| format!("{} {}", code.code, code.events))
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 10), ["B 1", "a 1", "b 2", "é 1"]);
    assert_eq!(listed(Some("a"), 1), ["b 2"]);
    assert!(listed(Some("é"), 1).is_empty());
}

/// Events that differ in everything that a filter can say.
fn assorted() -> Vec<EventRecord> {
    let event = |n: i64| {
        let code = ["a", "b"][usize::from(n % 3 == 0)];
        let mut event = EventRecord::new(format!("e{n:02}"), code, second(n / 2));
        if n % 4 < 2 {
            event.request_id = Some(["r", "s"][usize::from(n % 5 == 0)].into());
        }
        if n % 2 == 0 {
            event.matched_conditions = texts(&["m"]);
        }
        if n % 7 == 0 {
            event.triggered_runs = texts(&["t"]);
        }
        event
    };
    (0..40).map(event).collect()
}

/// Every combination of filters finds the events that it speaks of, newest first, and counts them.
pub fn events_are_found_by_every_filter(make: Make<'_>) {
    let store = fresh(make);
    store.record_events(&assorted()).unwrap();
    let mut newest_first = assorted();
    newest_first.reverse();
    let some = |text: &str| Some(Text::from(text));
    let ranges = [
        EventFilter::default().range,
        range(second(3), second(11)),
        range(second(9), second(2)),
    ];
    let filters = [None, some("a"), some("b"), some("nobody")]
        .into_iter()
        .flat_map(|code| [None, some("r"), some("nobody")].map(|run| (code.clone(), run)))
        .flat_map(|(code, run)| {
            [None, Some(true), Some(false)].map(|matched| (code.clone(), run.clone(), matched))
        })
        .flat_map(|(code, run, matched)| {
            [None, Some(true), Some(false)].map(|triggered| EventFilter {
                code: code.clone(),
                request_id: run.clone(),
                matched,
                triggered,
                ..EventFilter::default()
            })
        });
    for filter in filters.flat_map(|filter| {
        ranges.map(|range| EventFilter {
            range,
            ..filter.clone()
        })
    }) {
        let wants = |event: &&EventRecord| {
            filter.code.as_ref().is_none_or(|code| event.code == *code)
                && (filter.request_id.is_none() || event.request_id == filter.request_id)
                && filter.matched.is_none_or(|flag| event.is_matched() == flag)
                && filter
                    .triggered
                    .is_none_or(|flag| event.triggered_runs.is_empty() != flag)
                && filter.range.contains(event.timestamp)
        };
        let wanted: Vec<EventRecord> = newest_first.iter().filter(wants).cloned().collect();
        assert_eq!(
            store.count_events(&filter).unwrap(),
            wanted.len() as u64,
            "{filter:?}"
        );
        let query = EventQuery {
            filter,
            ..EventQuery::default()
        };
        let page = store.find_events(&query).unwrap();
        assert_eq!(page.items, wanted, "{query:?}");
        assert_eq!(page.total, wanted.len() as u64, "{query:?}");
    }
}

/// Pages of events follow each other without gap or repetition, also where times are equal.
pub fn events_are_paged_newest_first(make: Make<'_>) {
    let store = fresh(make);
    let events: Vec<EventRecord> = (0..50)
        .map(|n| event(&format!("e{n:02}"), second(i64::from(n > 40))))
        .collect();
    store.record_events(&events).unwrap();
    let mut query = EventQuery {
        limit: limit(7),
        ..EventQuery::default()
    };
    let mut found = Vec::new();
    loop {
        let page = store.find_events(&query).unwrap();
        assert_eq!((page.total, page.limit), (50, limit(7)));
        found.extend(page.items);
        assert!(found.len() <= 50, "more than the total");
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    found.reverse();
    assert_eq!(found, events);
}
