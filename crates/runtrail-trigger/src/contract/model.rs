//! Sequences of calls, made up, against the store in memory.

use runtrail_core::link::Source;
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use super::sample::{Dice, by_run, link, second};
use super::{Make, fresh};
use crate::Limit;
use crate::memory::MemoryStore;
use crate::query::{
    EventFilter, EventQuery, LinkQuery, MarkerQuery, MarkerState, TimeRange, TriggerRunQuery,
};
use crate::record::{EventRecord, Matches, Outcome, TriggerRunParticipant, TriggerRunRecord};
use crate::retention::Retention;
use crate::store::TriggerStore;

const SEQUENCES: u64 = 12;
const CALLS: usize = 120;

/// Any sequence of calls answers as the store in memory answers it, call by call, and in the end
/// both say the same about everything.
pub fn any_sequence_gives_the_same_as_the_store_in_memory(make: Make<'_>) {
    for seed in 1..=SEQUENCES {
        let store = fresh(make);
        let model = MemoryStore::default();
        let mut dice = Dice::new(seed);
        for call in 0..CALLS {
            let what = dice.below(100);
            let seed = dice.below(1 << 40);
            let found = answer(&*store, what, &mut Dice::new(seed));
            let wanted = answer(&model, what, &mut Dice::new(seed));
            assert_eq!(found, wanted, "call {call} of kind {what}");
        }
        assert_eq!(everything(&*store), everything(&model), "sequence {seed}");
    }
}

fn moment(dice: &mut Dice) -> Timestamp {
    Timestamp::from_parts(
        second(0).micros() + (1 << dice.below(30)),
        dice.below(2) as u16,
    )
}

fn name(dice: &mut Dice, letter: char, many: u64) -> Text {
    format!("{letter}{}", dice.below(many)).into()
}

fn names(dice: &mut Dice, letter: char) -> Vec<Text> {
    (0..dice.below(3)).map(|_| name(dice, letter, 4)).collect()
}

fn source(dice: &mut Dice) -> Source {
    match dice.below(8) {
        0 => Source::Clock,
        1 => by_run(&name(dice, 'r', 12)),
        2 => Source::Other {
            kind: "file".into(),
            id: name(dice, 'f', 3),
        },
        n => Source::Event {
            event_id: name(dice, 'e', 30),
            request_id: (n == 3).then(|| name(dice, 'r', 12)),
        },
    }
}

fn event(dice: &mut Dice) -> EventRecord {
    let mut event = EventRecord::new(name(dice, 'e', 30), name(dice, 'c', 3), moment(dice));
    event.request_id = dice.one_in(2).then(|| name(dice, 'r', 12));
    event.matched_conditions = names(dice, 'm');
    event.valid_conditions = names(dice, 'v');
    if dice.one_in(6) {
        event.triggered_runs = names(dice, 'r');
    }
    event
}

fn trigger_run(dice: &mut Dice) -> TriggerRunRecord {
    let candidates = (0..dice.below(4)).map(|_| {
        let condition = name(dice, 'm', 3);
        TriggerRunParticipant::new(condition, source(dice), moment(dice))
    });
    let candidates = candidates.collect();
    TriggerRunRecord {
        trigger_run_id: name(dice, 'p', 25),
        ..TriggerRunRecord::plan_all(&name(dice, 't', 3), candidates, moment(dice))
    }
}

fn outcome(dice: &mut Dice) -> Outcome {
    let at = dice.one_in(2).then(|| moment(dice));
    if dice.one_in(4) {
        let reason = name(dice, 'x', 3);
        Outcome::Abandoned { reason, at }
    } else {
        let request_id = name(dice, 'r', 12);
        Outcome::Started { request_id, at }
    }
}

fn retention(dice: &mut Dice) -> Retention {
    Retention {
        before: dice.one_in(2).then(|| moment(dice)),
        max_events: dice.one_in(3).then(|| 5 + dice.below(20)),
        max_runs: dice.one_in(3).then(|| 2 + dice.below(20)),
    }
}

/// Makes one call and returns its answer as text.
fn answer(store: &dyn TriggerStore, what: u64, dice: &mut Dice) -> String {
    match what {
        0..30 => {
            let events: Vec<_> = (0..dice.below(4)).map(|_| event(dice)).collect();
            format!("{:?}", store.record_events(&events).unwrap())
        }
        30..40 => {
            let matches = Matches {
                matched: names(dice, 'm'),
                valid: names(dice, 'v'),
            };
            let id = name(dice, 'e', 30);
            format!("{:?}", store.update_matches(&id, &matches).unwrap())
        }
        40..50 => {
            let mut link = link(source(dice), &name(dice, 'r', 12), moment(dice));
            link.link.trigger_run_id = dice.one_in(2).then(|| name(dice, 'p', 25));
            link.link.condition_id = dice.one_in(2).then(|| name(dice, 'm', 3));
            format!("{:?}", store.link_runs(&[link]).unwrap())
        }
        50..65 => format!("{:?}", store.claim_run(&trigger_run(dice)).unwrap()),
        65..80 => {
            let id = name(dice, 'p', 25);
            format!("{:?}", store.complete_run(&id, &outcome(dice)).unwrap())
        }
        80..84 => {
            let retention = retention(dice);
            let planned = store.plan_purge(&retention).unwrap();
            let purged = store.purge(&retention).unwrap();
            assert_eq!(planned, purged, "{retention:?}");
            format!("{purged:?}")
        }
        _ => question(store, dice),
    }
}

fn question(store: &dyn TriggerStore, dice: &mut Dice) -> String {
    let mut end = || dice.one_in(2).then(|| moment(dice));
    let range = TimeRange {
        from: end(),
        until: end(),
    };
    let limit = Limit::new(1 + dice.below(8) as i64).unwrap();
    let flag = |dice: &mut Dice| dice.one_in(2).then(|| dice.one_in(2));
    match dice.below(3) {
        0 => {
            let (state, _) = MarkerState::NAMES[dice.below(5) as usize];
            let query = MarkerQuery {
                state,
                range,
                limit,
                after: None,
            };
            format!("{:?}", store.find_markers(&query).unwrap())
        }
        1 => {
            let filter = EventFilter {
                code: dice.one_in(3).then(|| name(dice, 'c', 3)),
                request_id: dice.one_in(3).then(|| name(dice, 'r', 12)),
                matched: flag(dice),
                triggered: flag(dice),
                range,
            };
            let query = EventQuery {
                filter,
                limit,
                after: None,
            };
            format!("{:?}", store.find_events(&query).unwrap())
        }
        _ => {
            let query = TriggerRunQuery {
                event_id: dice.one_in(4).then(|| name(dice, 'e', 30)),
                source_request_id: dice.one_in(4).then(|| name(dice, 'r', 12)),
                condition_id: dice.one_in(4).then(|| name(dice, 'm', 3)),
                pending: flag(dice),
                range,
                limit,
                ..TriggerRunQuery::default()
            };
            format!("{:?}", store.find_runs(&query).unwrap())
        }
    }
}

/// Everything that a store can say, as text.
fn everything(store: &dyn TriggerStore) -> String {
    let limit = Limit::MAX;
    let events = EventQuery {
        limit,
        ..EventQuery::default()
    };
    let runs = TriggerRunQuery {
        limit,
        ..TriggerRunQuery::default()
    };
    let mut text = format!(
        "{:#?}\n{:#?}\n{:#?}\n",
        store.find_events(&events).unwrap(),
        store.find_runs(&runs).unwrap(),
        store.codes(None, limit).unwrap()
    );
    for (state, _) in MarkerState::NAMES {
        let query = MarkerQuery {
            state,
            limit,
            ..MarkerQuery::default()
        };
        text.push_str(&format!("{:#?}\n", store.find_markers(&query).unwrap()));
    }
    for n in 0..12 {
        for query in [
            LinkQuery::To(format!("r{n}").into()),
            LinkQuery::FromRun(format!("r{n}").into()),
        ] {
            text.push_str(&format!("{:#?}\n", store.links(&query, limit).unwrap()));
        }
    }
    text
}
