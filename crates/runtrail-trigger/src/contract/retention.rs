//! What a purge takes and what it leaves.

use runtrail_core::link::Source;

use super::sample::{by_event, by_run, event, link, pending, second, start};
use super::{Make, fresh};
use crate::Limit;
use crate::query::{EventFilter, LinkQuery, MarkerQuery};
use crate::record::{Outcome, RunState};
use crate::retention::{Purged, Retention};
use crate::store::{TriggerStore, TriggerStoreExt};

/// Purges, and checks that the plan said the same before and has nothing left to say afterwards.
fn purge(store: &dyn TriggerStore, retention: Retention) -> Purged {
    let planned = store.plan_purge(&retention).unwrap();
    assert_eq!(
        store.plan_purge(&retention).unwrap(),
        planned,
        "a plan changes nothing"
    );
    let purged = store.purge(&retention).unwrap();
    assert_eq!(purged, planned, "{retention:?}");
    let nothing = Purged {
        spared: purged.spared,
        ..Purged::default()
    };
    assert_eq!(store.plan_purge(&retention).unwrap(), nothing);
    purged
}

fn older_than(seconds: i64) -> Retention {
    Retention {
        before: Some(second(seconds)),
        ..Retention::default()
    }
}

fn ids(store: &dyn TriggerStore) -> Vec<String> {
    let page = store.find_markers(&MarkerQuery::default()).unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    assert_eq!(
        store.count_events(&EventFilter::default()).unwrap(),
        page.total
    );
    let ids = page.items.iter().map(|marker| marker.event_id.to_string());
    ids.collect()
}

/// Ten events, the third and the sixth of which started a run each.
fn populate(store: &dyn TriggerStore) {
    let events: Vec<_> = (0..10)
        .map(|n| event(&format!("e{n}"), second(n)))
        .collect();
    store.record_events(&events).unwrap();
    start(store, &pending("p3", by_event("e3"), second(3)), "r3");
    start(store, &pending("p6", by_event("e6"), second(6)), "r6");
}

/// Without a rule nothing goes.
pub fn nothing_goes_that_no_rule_speaks_of(make: Make<'_>) {
    let store = fresh(make);
    populate(&*store);
    assert_eq!(purge(&*store, Retention::default()), Purged::default());
    let generous = Retention {
        before: Some(second(-1)),
        max_events: Some(10),
        max_runs: Some(u64::MAX),
    };
    assert_eq!(purge(&*store, generous), Purged::default());
    assert_eq!(ids(&*store).len(), 10);
}

/// With old events go their links and the runs that they took part in; what is younger stays, and
/// so do the flags of what stays.
pub fn a_purge_by_age_takes_what_belongs_to_it(make: Make<'_>) {
    let store = fresh(make);
    populate(&*store);
    let purged = purge(&*store, older_than(4));
    let wanted = Purged {
        events: 4,
        runs: 1,
        links: 1,
        spared: 0,
    };
    assert_eq!(purged, wanted);
    assert_eq!(ids(&*store), ["e4", "e5", "e6", "e7", "e8", "e9"]);
    assert_eq!(store.trigger_run("p3").unwrap(), None);
    assert_eq!(store.event("e3").unwrap(), None);
    let links = |run: &str| store.links(&LinkQuery::To(run.into()), Limit::MAX).unwrap();
    assert!(links("r3").links.is_empty());
    assert_eq!(links("r6").links.len(), 1);
    assert!(store.event("e6").unwrap().unwrap().marker().triggered);
    assert!(store.trigger_run("p6").unwrap().is_some());
    assert_eq!(store.codes(None, Limit::MAX).unwrap()[0].events, 6);
    // A run that is younger than the event goes with it.
    let late = pending("late", by_event("e4"), second(100));
    start(&*store, &late, "r4");
    assert_eq!(purge(&*store, older_than(5)).runs, 1);
    // An id that has gone can be used again.
    store.record_event(&event("e3", second(50))).unwrap();
    assert!(!store.event("e3").unwrap().unwrap().marker().triggered);
}

/// A number keeps the newest, of events and of runs.
pub fn a_purge_by_number_keeps_the_newest(make: Make<'_>) {
    let store = fresh(make);
    populate(&*store);
    let keep = |events: Option<u64>, runs: Option<u64>| Retention {
        before: None,
        max_events: events,
        max_runs: runs,
    };
    assert_eq!(purge(&*store, keep(Some(4), None)).events, 6);
    assert_eq!(ids(&*store), ["e6", "e7", "e8", "e9"]);
    assert!(store.trigger_run("p3").unwrap().is_none());
    for n in 0..5 {
        let id = format!("clock{n}");
        start(
            &*store,
            &pending(&id, Source::Clock, second(n)),
            &format!("c{n}"),
        );
    }
    let purged = purge(&*store, keep(None, Some(3)));
    // p6 is the newest of all six; with each clock run goes its link.
    assert_eq!((purged.events, purged.runs, purged.links), (0, 3, 3));
    assert!(store.trigger_run("clock2").unwrap().is_none());
    assert!(store.trigger_run("clock3").unwrap().is_some());
    assert_eq!(purge(&*store, keep(Some(0), Some(0))).events, 4);
    assert!(ids(&*store).is_empty());
    assert!(store.trigger_run("p6").unwrap().is_none());
}

/// A pending run never goes, and neither do the events that it refers to, until it is over.
pub fn a_pending_run_keeps_its_events_and_itself(make: Make<'_>) {
    let store = fresh(make);
    populate(&*store);
    store
        .claim_run(&pending("wait", by_event("e1"), second(1)))
        .unwrap();
    start(&*store, &pending("p1", by_event("e1"), second(1)), "r1");
    for retention in [
        older_than(1000),
        Retention {
            max_events: Some(0),
            max_runs: Some(0),
            ..Retention::default()
        },
    ] {
        assert_eq!(purge(&*store, retention).spared, 1);
        assert_eq!(ids(&*store), ["e1"]);
        assert!(store.trigger_run("wait").unwrap().unwrap().is_pending());
        assert!(store.event("e1").unwrap().unwrap().marker().triggered);
    }
    store.started("wait", "r2", second(2)).unwrap();
    let purged = purge(&*store, older_than(1000));
    assert_eq!((purged.events, purged.runs, purged.spared), (1, 1, 0));
    assert_eq!(purged.links, 2);
}

/// A run that is over, and of which nobody said when, goes by the time of its plan.
pub fn a_run_without_an_end_time_does_not_escape(make: Make<'_>) {
    let store = fresh(make);
    for (id, at) in [("untimed", None), ("timed", Some(second(9)))] {
        let mut run = pending(id, Source::Clock, second(1));
        run.state = RunState::Completed(Outcome::Started {
            request_id: id.into(),
            at,
        });
        store.claim_run(&run).unwrap();
    }
    let mut run = pending("abandoned", Source::Clock, second(1));
    run.state = RunState::Completed(Outcome::Abandoned {
        reason: "no room".into(),
        at: None,
    });
    store.claim_run(&run).unwrap();
    let purged = purge(&*store, older_than(5));
    // The links of both started runs are as old as their conditions.
    assert_eq!((purged.runs, purged.links), (2, 2));
    assert!(store.trigger_run("untimed").unwrap().is_none());
    assert!(store.trigger_run("abandoned").unwrap().is_none());
    assert!(store.trigger_run("timed").unwrap().is_some());
}

/// A link that comes from no recorded event goes by its own age.
pub fn loose_links_go_by_their_own_age(make: Make<'_>) {
    let store = fresh(make);
    let links = [
        link(by_event("nobody"), "r1", second(1)),
        link(by_run("r0"), "r1", second(1)),
        link(by_run("r0"), "r2", second(9)),
    ];
    store.link_runs(&links).unwrap();
    assert_eq!(purge(&*store, older_than(5)).links, 2);
    let from = LinkQuery::FromRun("r0".into());
    assert_eq!(store.links(&from, Limit::MAX).unwrap().links.len(), 1);
    // An event that comes after its link is gone has triggered nothing that is known.
    store.record_event(&event("nobody", second(9))).unwrap();
    assert!(!store.event("nobody").unwrap().unwrap().marker().triggered);
}
