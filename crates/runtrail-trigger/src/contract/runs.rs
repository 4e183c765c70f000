//! Trigger runs.

use std::sync::Barrier;

use runtrail_core::link::Source;
use runtrail_core::text::Text;

use super::sample::{by_event, by_run, event, limit, pending, range, second, start, texts};
use super::{Make, fresh};
use crate::query::{LinkQuery, TriggerRunQuery};
use crate::record::{JsonText, Outcome, Record, RunState, TriggerRunParticipant, TriggerRunRecord};
use crate::store::{Claim, Completion, TriggerStoreExt};
use crate::{Limit, coherent};

/// Of all threads that claim the same firing at once, one wins, and the others see its record.
pub fn one_of_all_claims_wins(make: Make<'_>) {
    let store = fresh(make);
    let store = &*store.store;
    let barrier = Barrier::new(8);
    for round in 0..10 {
        let source = by_event(&format!("e{round}"));
        let participant = TriggerRunParticipant::new("c", source, second(round));
        let run = TriggerRunRecord::plan_any("t", participant, second(round));
        let claims: Vec<Claim> = std::thread::scope(|scope| {
            let claim = || {
                barrier.wait();
                store.claim_run(&run).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let won = claims.iter().filter(|claim| **claim == Claim::Won).count();
        assert_eq!(won, 1, "round {round}");
        let held = Claim::Held(Box::new(run));
        assert_eq!(claims.iter().filter(|claim| **claim == held).count(), 7);
    }
}

/// What was claimed and not completed is found pending, and can be completed by whoever finds it.
pub fn a_claim_survives_as_pending_and_is_completed(make: Make<'_>) {
    let store = fresh(make);
    store
        .record_event(&event("e", second(1)).emitted_by("shop-7"))
        .unwrap();
    let mut run = pending("p", by_event("e"), second(2));
    run.extra = JsonText::parse(r#"{"by":"scheduler-1"}"#);
    run.participants[0].extra = JsonText::parse(r#"{"n":1.10}"#);
    assert_eq!(store.claim_run(&run).unwrap(), Claim::Won);
    start(&*store, &pending("q", Source::Clock, second(3)), "r9");
    let query = TriggerRunQuery {
        pending: Some(true),
        ..TriggerRunQuery::default()
    };
    let page = store.find_runs(&query).unwrap();
    assert_eq!((page.items, page.total), (vec![run.clone()], 1));
    assert!(store.event("e").unwrap().unwrap().triggered_runs.is_empty());

    assert_eq!(
        store.started("p", "r1", second(4)).unwrap(),
        Completion::Done
    );
    assert_eq!(store.find_runs(&query).unwrap().total, 0);
    let found = store.trigger_run("p").unwrap().unwrap();
    let outcome = Outcome::Started {
        request_id: "r1".into(),
        at: Some(second(4)),
    };
    assert_eq!(found.state, RunState::Completed(outcome));
    assert_eq!(found.participants, run.participants);
    assert_eq!(found.extra, run.extra);
    assert_eq!(
        store.event("e").unwrap().unwrap().triggered_runs,
        texts(&["r1"])
    );
}

/// The first outcome stays: the same again changes nothing, another one neither.
pub fn a_completion_is_said_once(make: Make<'_>) {
    let store = fresh(make);
    store
        .claim_run(&pending("p", Source::Clock, second(1)))
        .unwrap();
    assert_eq!(
        store.started("nobody", "r1", second(2)).unwrap(),
        Completion::Unknown
    );
    assert_eq!(
        store.started("p", "r1", second(2)).unwrap(),
        Completion::Done
    );
    let before = store.trigger_run("p").unwrap();
    let state = before.clone().unwrap().state;
    assert_eq!(
        store.started("p", "r1", second(9)).unwrap(),
        Completion::Already
    );
    assert_eq!(
        store.started("p", "r2", second(9)).unwrap(),
        Completion::Conflict(state.clone())
    );
    let abandoned = Outcome::Abandoned {
        reason: "no room".into(),
        at: None,
    };
    assert_eq!(
        store.complete_run("p", &abandoned).unwrap(),
        Completion::Conflict(state)
    );
    assert_eq!(store.trigger_run("p").unwrap(), before);
    let links = store
        .links(&LinkQuery::To("r2".into()), Limit::MAX)
        .unwrap();
    assert!(links.links.is_empty());
}

/// A run that was abandoned leaves no link, and its event is not a triggered one.
pub fn an_abandoned_run_starts_nothing(make: Make<'_>) {
    let store = fresh(make);
    store.record_event(&event("e", second(1))).unwrap();
    store
        .claim_run(&pending("p", by_event("e"), second(1)))
        .unwrap();
    let outcome = Outcome::Abandoned {
        reason: "no room".into(),
        at: Some(second(2)),
    };
    assert_eq!(store.complete_run("p", &outcome).unwrap(), Completion::Done);
    assert_eq!(
        store.complete_run("p", &outcome).unwrap(),
        Completion::Already
    );
    let found = store.trigger_run("p").unwrap().unwrap();
    assert_eq!(found.state, RunState::Completed(outcome));
    assert_eq!(found.request_id(), None);
    assert!(!store.event("e").unwrap().unwrap().marker().triggered);
}

/// What satisfied the conditions of a trigger that needs them all comes from as few sources as can
/// be, and is read back so.
pub fn participants_come_from_few_sources(make: Make<'_>) {
    let store = fresh(make);
    let by = |source: &str, condition: &str, at: i64| {
        TriggerRunParticipant::new(condition, by_run(source), second(at))
    };
    let cases: [(&[TriggerRunParticipant], &[TriggerRunParticipant]); 4] = [
        // The source of most conditions, though another is later.
        (
            &[by("b", "paid", 9), by("a", "paid", 1), by("a", "packed", 2)],
            &[by("a", "packed", 2), by("a", "paid", 1)],
        ),
        // Then the latest, whichever condition it was late for.
        (
            &[
                by("a", "x", 1),
                by("a", "y", 2),
                by("b", "x", 1),
                by("b", "y", 3),
            ],
            &[by("b", "x", 1), by("b", "y", 3)],
        ),
        // Then by id.
        (&[by("b", "x", 1), by("a", "x", 1)], &[by("a", "x", 1)]),
        // A condition that was satisfied again and again counts once.
        (
            &[
                by("b", "x", 1),
                by("b", "x", 2),
                by("b", "x", 3),
                by("a", "x", 1),
                by("a", "y", 1),
            ],
            &[by("a", "x", 1), by("a", "y", 1)],
        ),
    ];
    for (candidates, wanted) in cases {
        let run = TriggerRunRecord::plan_all("t", candidates.to_vec(), second(10));
        store.claim_run(&run).unwrap();
        let found = store.trigger_run(&run.trigger_run_id).unwrap().unwrap();
        assert_eq!(found.participants, wanted);
        let mut backwards = candidates.to_vec();
        backwards.reverse();
        assert_eq!(coherent(backwards), wanted);
    }
}

fn assorted() -> Vec<TriggerRunRecord> {
    let run = |n: i64| {
        let source = match n % 4 {
            0 => by_event("e1"),
            1 => by_run("s1"),
            2 => Source::Event {
                event_id: "e2".into(),
                request_id: Some("s1".into()),
            },
            _ => Source::Clock,
        };
        let condition = ["c1", "c2"][usize::from(n % 3 == 0)];
        let first = TriggerRunParticipant::new(condition, source, second(n));
        let other = TriggerRunParticipant::new("c3", Source::Clock, second(n));
        let trigger = ["t1", "t2"][usize::from(n % 5 == 0)];
        let mut run = TriggerRunRecord::plan_all(trigger, vec![first, other], second(n / 2));
        if n % 6 != 0 {
            run.state = RunState::Completed(Outcome::Started {
                request_id: format!("r{}", n % 7).into(),
                at: (n % 2 == 0).then(|| second(n)),
            });
        }
        run
    };
    (0..40).map(run).collect()
}

/// A query, and which runs it wants.
type Case = (TriggerRunQuery, fn(&TriggerRunRecord) -> bool);

fn takes_part(run: &TriggerRunRecord, is: impl Fn(&TriggerRunParticipant) -> bool) -> bool {
    run.participants.iter().any(is)
}

fn single_filters() -> Vec<Case> {
    let all = TriggerRunQuery::default();
    let some = |text: &str| Some(Text::from(text));
    let with = |change: &dyn Fn(&mut TriggerRunQuery)| {
        let mut query = all.clone();
        change(&mut query);
        query
    };
    vec![
        (all.clone(), |_| true),
        (with(&|query| query.event_id = some("e1")), |run| {
            takes_part(run, |one| one.source.event_id() == Some(&"e1".into()))
        }),
        (with(&|query| query.source_request_id = some("s1")), |run| {
            takes_part(run, |one| one.source.request_id() == Some(&"s1".into()))
        }),
        (with(&|query| query.request_id = some("r3")), |run| {
            run.request_id() == Some(&"r3".into())
        }),
        (with(&|query| query.condition_id = some("c2")), |run| {
            takes_part(run, |one| one.condition_id == "c2")
        }),
        (with(&|query| query.trigger_id = some("t2")), |run| {
            run.trigger_id == "t2"
        }),
        (with(&|query| query.pending = Some(true)), |run| {
            run.is_pending()
        }),
        (with(&|query| query.event_id = some("nobody")), |_| false),
    ]
}

fn several_filters() -> Case {
    let query = TriggerRunQuery {
        pending: Some(false),
        trigger_id: Some("t1".into()),
        condition_id: Some("c1".into()),
        range: range(second(4), second(12)),
        ..TriggerRunQuery::default()
    };
    (query, |run| {
        !run.is_pending()
            && run.trigger_id == "t1"
            && takes_part(run, |one| one.condition_id == "c1")
            && range(second(4), second(12)).contains(run.planned_at)
    })
}

/// Trigger runs are found by event, by the run that they started, by source run, by condition, by
/// trigger, by state and by time.
pub fn runs_are_found_by_every_filter(make: Make<'_>) {
    let store = fresh(make);
    let mut runs = assorted();
    for run in &runs {
        let claim = store.claim_run(run).unwrap();
        assert_eq!(claim, Claim::Won, "{}", run.to_json());
    }
    runs.sort_by_key(|run| std::cmp::Reverse((run.planned_at, run.trigger_run_id.clone())));
    let cases = single_filters().into_iter().chain([several_filters()]);
    for (query, wants) in cases {
        let wanted: Vec<_> = runs.iter().filter(|run| wants(run)).cloned().collect();
        let page = store.find_runs(&query).unwrap();
        assert_eq!(page.items, wanted, "{query:?}");
        assert_eq!((page.total, page.next), (wanted.len() as u64, None));
    }
}

/// Pages of trigger runs follow each other without gap or repetition, also where times are equal.
pub fn runs_of_one_time_are_paged_once(make: Make<'_>) {
    let store = fresh(make);
    let runs: Vec<_> = (0..50)
        .map(|n| pending(&format!("p{n:02}"), Source::Clock, second(1)))
        .collect();
    for run in &runs {
        store.claim_run(run).unwrap();
    }
    let mut query = TriggerRunQuery {
        limit: limit(7),
        ..TriggerRunQuery::default()
    };
    let mut found = Vec::new();
    loop {
        let page = store.find_runs(&query).unwrap();
        assert_eq!((page.total, page.limit), (50, limit(7)));
        found.extend(page.items);
        assert!(found.len() <= 50, "more than the total");
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    found.reverse();
    assert_eq!(found, runs);
    let found = store.get_runs(&["p07", "nobody"]).unwrap();
    assert_eq!(found, [Some(runs[7].clone()), None]);
}
