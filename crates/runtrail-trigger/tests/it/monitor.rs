//! Recording from within an engine.

use runtrail_core::link::{Link, Source};
use runtrail_core::time::Timestamp;
use runtrail_trigger::{
    Claim, CodeCount, Completion, LinkRecord, Links, Outcome, Purged, Retention, StoreError,
    StoreErrorKind, Stored,
};
use runtrail_trigger::{
    EventFilter, EventPage, EventQuery, EventRecord, Limit, LinkQuery, MarkerPage, MarkerQuery,
    Matches, MemorySettings, MemoryStore, Monitor, Permit, TriggerRunPage, TriggerRunParticipant,
    TriggerRunQuery, TriggerRunRecord, TriggerStore,
};

/// A store that can do nothing: it fails, or it panics.
struct Broken {
    panics: bool,
}

impl Broken {
    fn fail<T>(&self) -> Result<T, StoreError> {
        assert!(!self.panics, "broken");
        let error = StoreError::new(StoreErrorKind::Busy, "cannot do it");
        Err(error.with_source("too busy"))
    }
}

impl TriggerStore for Broken {
    fn record_events(&self, _: &[EventRecord]) -> Result<Vec<Stored>, StoreError> {
        self.fail()
    }
    fn update_matches(&self, _: &str, _: &Matches) -> Result<bool, StoreError> {
        self.fail()
    }
    fn link_runs(&self, _: &[LinkRecord]) -> Result<u64, StoreError> {
        self.fail()
    }
    fn get_events(&self, _: &[&str]) -> Result<Vec<Option<EventRecord>>, StoreError> {
        self.fail()
    }
    fn codes(&self, _: Option<&str>, _: Limit) -> Result<Vec<CodeCount>, StoreError> {
        self.fail()
    }
    fn count_events(&self, _: &EventFilter) -> Result<u64, StoreError> {
        self.fail()
    }
    fn find_events(&self, _: &EventQuery) -> Result<EventPage, StoreError> {
        self.fail()
    }
    fn find_markers(&self, _: &MarkerQuery) -> Result<MarkerPage, StoreError> {
        self.fail()
    }
    fn claim_run(&self, _: &TriggerRunRecord) -> Result<Claim, StoreError> {
        self.fail()
    }
    fn complete_run(&self, _: &str, _: &Outcome) -> Result<Completion, StoreError> {
        self.fail()
    }
    fn get_runs(&self, _: &[&str]) -> Result<Vec<Option<TriggerRunRecord>>, StoreError> {
        self.fail()
    }
    fn find_runs(&self, _: &TriggerRunQuery) -> Result<TriggerRunPage, StoreError> {
        self.fail()
    }
    fn links(&self, _: &LinkQuery, _: Limit) -> Result<Links, StoreError> {
        self.fail()
    }
    fn plan_purge(&self, _: &Retention) -> Result<Purged, StoreError> {
        self.fail()
    }
    fn purge(&self, _: &Retention) -> Result<Purged, StoreError> {
        self.fail()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn planned() -> TriggerRunRecord {
    let participant = TriggerRunParticipant::new("nightly", Source::Clock, at(1));
    TriggerRunRecord::plan_any("t", participant, at(1))
}

/// Everything that an engine says, once.
fn say_everything(monitor: &Monitor) -> Permit {
    monitor.event(&EventRecord::new("e", "c", at(0)));
    monitor.matched("e", &Matches::default());
    let permit = monitor.claim(&planned());
    let links = monitor.started(&planned(), "r", at(2));
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].source, Source::Clock);
    assert_eq!(links[0].trigger_id.as_deref(), Some("t"));
    monitor.abandoned(&planned(), "no room", at(2));
    permit
}

#[test]
fn a_store_that_fails_or_panics_is_counted_and_never_felt() {
    for (panics, reason) in [
        (false, "cannot do it: too busy"),
        (true, "the store panicked"),
    ] {
        let monitor = Monitor::new(Broken { panics });
        assert_eq!(say_everything(&monitor), Permit::Unrecorded);
        let report = monitor.report();
        assert_eq!((report.failed, report.recorded), (5, 0));
        assert_eq!(report.last_failure.as_deref(), Some(reason));
    }
}

#[test]
fn what_was_recorded_and_what_not_is_counted() {
    let monitor = Monitor::new(MemoryStore::default());
    assert_eq!(say_everything(&monitor), Permit::Granted);
    // Saying that it was abandoned contradicts that it was started.
    let report = monitor.report();
    assert_eq!((report.recorded, report.conflicts), (4, 1));
    assert!(matches!(monitor.claim(&planned()), Permit::Held(held) if !held.is_pending()));
    monitor.matched("nobody", &Matches::default());
    monitor.event(&EventRecord::new("e", "other", at(0)));
    let report = monitor.clone().report();
    assert_eq!(
        (report.recorded, report.conflicts, report.unknown),
        (5, 2, 1)
    );
    assert_eq!((report.failed, report.last_failure), (0, None));
}

#[test]
fn a_monitor_that_is_off_grants_everything() {
    let monitor = Monitor::off();
    assert_eq!(say_everything(&monitor), Permit::Granted);
    assert_eq!(monitor.report(), runtrail_trigger::MonitorReport::default());
}

#[test]
fn a_link_learns_from_the_store_which_run_emitted_its_event() {
    let by = |condition: &str, event: &str, run: Option<&str>| {
        let source = Source::Event {
            event_id: event.into(),
            request_id: run.map(Into::into),
        };
        TriggerRunParticipant::new(condition, source, at(1))
    };
    let participants = vec![
        by("a", "known", None),
        by("b", "outside", None),
        by("c", "nobody", None),
        by("d", "known", Some("it says so itself")),
        TriggerRunParticipant::new("e", Source::Clock, at(1)),
    ];
    let run = TriggerRunRecord::plan_all("t", participants, at(1));
    let emitters = |monitor: &Monitor| {
        let links = monitor.started(&run, "r", at(2)).into_iter();
        let emitter = |link: Link| link.source.request_id().map(ToString::to_string);
        links.map(emitter).collect::<Vec<_>>()
    };
    let itself = Some("it says so itself".to_owned());
    let monitor = Monitor::new(MemoryStore::default());
    monitor.event(&EventRecord::new("known", "c", at(0)).emitted_by("shop-7"));
    monitor.event(&EventRecord::new("outside", "c", at(0)));
    assert_eq!(monitor.claim(&run), Permit::Granted);
    let shop = Some("shop-7".to_owned());
    assert_eq!(emitters(&monitor), [shop, None, None, itself.clone(), None]);
    assert_eq!(monitor.report().failed, 0);

    let broken = Monitor::new(Broken { panics: false });
    for monitor in [broken, Monitor::off()] {
        assert_eq!(emitters(&monitor), [None, None, None, itself.clone(), None]);
    }
}

#[test]
fn memory_that_is_full_lets_the_oldest_go() {
    let store = MemoryStore::new(MemorySettings {
        max_events: 20,
        max_runs: 10,
        ..MemorySettings::default()
    });
    let monitor = Monitor::new(store);
    for n in 0..50 {
        monitor.event(&EventRecord::new(format!("e{n}"), "c", at(n)));
        let participant = TriggerRunParticipant::new("c", Source::Clock, at(n));
        let run = TriggerRunRecord::plan_any("t", participant, at(n));
        assert_eq!(monitor.claim(&run), Permit::Granted, "{n}");
        monitor.started(&run, format!("r{n}"), at(n));
    }
    assert_eq!(monitor.report().failed, 0);
    // What is still pending does not go, and then there is no room.
    for n in 0..20 {
        let participant = TriggerRunParticipant::new("c", Source::Clock, at(100 + n));
        let run = TriggerRunRecord::plan_any("t", participant, at(100 + n));
        let granted = monitor.claim(&run) == Permit::Granted;
        assert_eq!(granted, n < 10, "{n}");
    }
    let failure = monitor.report().last_failure;
    assert_eq!(
        failure.as_deref(),
        Some("the store holds at most 10 trigger runs")
    );
}
