//! Pages of markers.

use runtrail_core::time::Timestamp;

use super::sample::{Dice, all_markers, event, limit, range, second, texts};
use super::{Make, fresh};
use crate::query::{Cursor, Limit, MarkerQuery, MarkerState, TimeRange};
use crate::record::{EventRecord, Record};

/// A thousand events of one time, seven to a page: every one is on one page, in the order of ids.
pub fn every_marker_is_on_one_page(make: Make<'_>) {
    let store = fresh(make);
    let mut events: Vec<EventRecord> = (0..1000)
        .map(|n| event(&format!("e{n:03}"), second(1)))
        .collect();
    let sorted: Vec<_> = events.iter().map(EventRecord::marker).collect();
    let mut dice = Dice::new(7);
    for index in (1..events.len()).rev() {
        events.swap(index, dice.below(index as u64 + 1) as usize);
    }
    for events in events.chunks(90) {
        store.record_events(events).unwrap();
    }
    let query = MarkerQuery {
        limit: limit(7),
        ..MarkerQuery::default()
    };
    assert_eq!(all_markers(&*store, &query), sorted);
    let mut page = store.find_markers(&query).unwrap();
    assert!(page.truncated());
    assert_eq!(page.items.pop().unwrap().event_id, "e006");
}

/// Of every state exactly its markers are shown, each with its flags, and their number is right.
pub fn states_part_the_timeline(make: Make<'_>) {
    let store = fresh(make);
    let events: Vec<EventRecord> = (0..60)
        .map(|n| {
            let mut event = event(&format!("e{n:02}"), second(n / 3));
            if n % 2 == 0 {
                event.valid_conditions = texts(&["v"]);
            }
            if n % 5 == 0 {
                event.triggered_runs = texts(&["r"]);
            }
            event
        })
        .collect();
    store.record_events(&events).unwrap();
    for (state, _) in MarkerState::NAMES {
        let wanted = events.iter().map(EventRecord::marker);
        let wanted: Vec<_> = wanted
            .filter(|marker| state.wants(marker.matched, marker.triggered))
            .collect();
        let query = MarkerQuery {
            state,
            limit: limit(4),
            ..MarkerQuery::default()
        };
        assert_eq!(all_markers(&*store, &query), wanted, "{state:?}");
    }
}

/// Both ends of a range belong to it, to the nanosecond.
pub fn both_ends_of_a_range_belong_to_it(make: Make<'_>) {
    let store = fresh(make);
    let at = |nanos| Timestamp::from_parts(5, nanos);
    let events: Vec<EventRecord> = (0..9).map(|n| event(&format!("e{n}"), at(n))).collect();
    store.record_events(&events).unwrap();
    for (from, until, wanted) in [(2, 4, 3), (2, 2, 1), (4, 2, 0), (8, 9, 1)] {
        let query = MarkerQuery {
            range: range(at(from), at(until)),
            ..MarkerQuery::default()
        };
        let found = all_markers(&*store, &query);
        assert_eq!(found.len(), wanted, "{from} to {until}");
        assert!(
            found
                .iter()
                .all(|marker| query.range.contains(marker.timestamp))
        );
    }
}

/// The total of any range is right, at whatever distances the events lie, also before 1970.
pub fn totals_are_right_for_any_range(make: Make<'_>) {
    let store = fresh(make);
    let mut dice = Dice::new(11);
    let mut moment = |dice: &mut Dice| {
        // From neighbours within a microsecond to years apart.
        let micros = 1_i64 << dice.below(52);
        let micros = micros + dice.below(3) as i64 - 1;
        let sign = if dice.one_in(4) { -1 } else { 1 };
        Timestamp::from_parts(sign * micros, dice.below(3) as u16 * 499)
    };
    let events: Vec<EventRecord> = (0..300)
        .map(|n| {
            let mut event = event(&format!("e{n}"), moment(&mut dice));
            if n % 3 == 0 {
                event.matched_conditions = texts(&["m"]);
            }
            event
        })
        .collect();
    store.record_events(&events).unwrap();
    for step in 0..300 {
        let end = |dice: &mut Dice, moment: &mut dyn FnMut(&mut Dice) -> Timestamp| {
            (!dice.one_in(6)).then(|| {
                if dice.one_in(2) {
                    moment(dice)
                } else {
                    events[dice.below(300) as usize].timestamp
                }
            })
        };
        let range = TimeRange {
            from: end(&mut dice, &mut moment),
            until: end(&mut dice, &mut moment),
        };
        let (state, _) = MarkerState::NAMES[step % 5];
        let markers = events.iter().map(EventRecord::marker);
        let wanted = markers.filter(|marker| {
            range.contains(marker.timestamp) && state.wants(marker.matched, marker.triggered)
        });
        let query = MarkerQuery {
            state,
            range,
            limit: Limit::ONE,
            after: None,
        };
        let page = store.find_markers(&query).unwrap();
        assert_eq!(page.total, wanted.count() as u64, "{query:?}");
    }
}

/// A limit beyond the greatest is the greatest, and the page says which was applied.
pub fn more_than_the_greatest_limit_is_the_greatest(make: Make<'_>) {
    let store = fresh(make);
    let events: Vec<EventRecord> = (0..5001)
        .map(|n| event(&format!("e{n}"), second(n)))
        .collect();
    store.record_events(&events).unwrap();
    let query = MarkerQuery {
        limit: limit(1_000_000),
        ..MarkerQuery::default()
    };
    let page = store.find_markers(&query).unwrap();
    assert_eq!((page.items.len(), page.limit.get()), (5000, 5000));
    assert_eq!((page.total, page.truncated()), (5001, true));
    assert_eq!(all_markers(&*store, &query).len(), 5001);
}

/// A time without an offset is UTC, and takes its place among times with one.
pub fn times_with_and_without_an_offset_are_one_timeline(make: Make<'_>) {
    let store = fresh(make);
    for (id, time) in [
        ("4", "2026-11-21T01:30:00"),
        ("1", "2026-11-21T07:30:00+07:00"),
        ("3", "2026-11-21 01:00:00.5"),
        ("2", "2026-11-21T01:00:00Z"),
    ] {
        let text = format!(r#"{{"event_id":"{id}","code":"c","timestamp":"{time}"}}"#);
        let event = EventRecord::from_json(&text).unwrap();
        store.record_events(&[event]).unwrap();
    }
    let markers = all_markers(&*store, &MarkerQuery::default());
    let ids: Vec<&str> = markers.iter().map(|marker| &*marker.event_id).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    let query = MarkerQuery {
        range: range(
            Timestamp::parse("2026-11-21T02:00:00+01:00").unwrap(),
            Timestamp::parse_with("2026-11-21T01:00:00.5", Some(0)).unwrap(),
        ),
        ..MarkerQuery::default()
    };
    assert_eq!(all_markers(&*store, &query).len(), 2);
}

/// A place that a client made up does not lead out of the range.
pub fn a_place_outside_the_range_is_no_way_out_of_it(make: Make<'_>) {
    let store = fresh(make);
    let events: Vec<EventRecord> = (0..10)
        .map(|n| event(&format!("e{n}"), second(n)))
        .collect();
    store.record_events(&events).unwrap();
    let ids = |place: i64| {
        let query = MarkerQuery {
            range: range(second(3), second(5)),
            after: Some(Cursor {
                timestamp: second(place),
                id: "e".into(),
            }),
            ..MarkerQuery::default()
        };
        let page = store.find_markers(&query).unwrap();
        assert_eq!(page.total, 3);
        page.items.len()
    };
    assert_eq!([ids(0), ids(3), ids(4), ids(5), ids(9)], [3, 3, 2, 1, 0]);
}
