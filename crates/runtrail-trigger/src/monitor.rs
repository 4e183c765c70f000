//! Recording from within an engine, without ever getting in its way.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use runtrail_core::export::in_full;
use runtrail_core::link::{Link, Source};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use crate::error::StoreError;
use crate::record::{EventRecord, Matches, Outcome, RunState, TriggerRunRecord};
use crate::store::{Claim, Completion, Stored, TriggerStore};

/// Records what an engine does, and never fails: what a store cannot take is counted.
///
/// A store that panics is treated as one that returns an error. A clone records to the same store
/// and counts in the same report. Each call takes as long as the store takes; with
/// [`SqliteStore`](crate::SqliteStore) that is its `busy_timeout` at worst.
///
/// ```
/// use runtrail_core::time::Timestamp;
/// use runtrail_trigger::{EventRecord, MemoryStore, Monitor};
///
/// let monitor = Monitor::new(MemoryStore::default());
/// monitor.event(&EventRecord::new("e1", "order.created", Timestamp::from_micros(0)));
/// assert_eq!(monitor.report().recorded, 1);
/// ```
#[derive(Clone)]
pub struct Monitor {
    store: Option<Arc<dyn TriggerStore>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    recorded: AtomicU64,
    conflicts: AtomicU64,
    unknown: AtomicU64,
    failed: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

/// What a [`Monitor`] has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "what could not be recorded is known here and nowhere else"]
pub struct MonitorReport {
    /// Calls whose record is in the store, whether this call or an earlier one put it there.
    pub recorded: u64,
    /// Calls that say otherwise than what was recorded before, which stayed.
    pub conflicts: u64,
    /// Calls that speak of an event or a trigger run that is not recorded.
    pub unknown: u64,
    /// Calls that the store failed to take.
    pub failed: u64,
    /// What the store said last when it failed.
    pub last_failure: Option<String>,
}

/// Whether the run of a trigger run may be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    /// It is claimed: start it, and say so.
    Granted,
    /// The store failed, so nobody knows whether another has claimed it. The engine decides; where
    /// it starts the run, it may be the second to do so.
    Unrecorded,
    /// Another has claimed it, perhaps this engine before a crash; this is what is recorded of it.
    Held(Box<TriggerRunRecord>),
}

impl Monitor {
    /// Records to a store.
    pub fn new(store: impl TriggerStore + 'static) -> Self {
        Self::shared(Arc::new(store))
    }

    /// Records to a store that others use too.
    pub fn shared(store: Arc<dyn TriggerStore>) -> Self {
        Self {
            store: Some(store),
            counts: Arc::default(),
        }
    }

    /// Records nothing, and grants everything.
    pub fn off() -> Self {
        Self {
            store: None,
            counts: Arc::default(),
        }
    }

    /// Records an event that was emitted.
    pub fn event(&self, event: &EventRecord) {
        let stored = self.attempt(|store| store.record_events(std::slice::from_ref(event)));
        match stored.as_deref() {
            Some([Stored::Conflict]) => add(&self.counts.conflicts),
            Some(_) => add(&self.counts.recorded),
            None => {}
        }
    }

    /// Records what an event has matched.
    pub fn matched(&self, event_id: &str, matches: &Matches) {
        match self.attempt(|store| store.update_matches(event_id, matches)) {
            Some(true) => add(&self.counts.recorded),
            Some(false) => add(&self.counts.unknown),
            None => {}
        }
    }

    /// Asks whether the run of a trigger run may be started, and claims it.
    pub fn claim(&self, run: &TriggerRunRecord) -> Permit {
        if self.store.is_none() {
            return Permit::Granted;
        }
        let claim = self.attempt(|store| store.claim_run(run));
        if claim.is_some() {
            add(&self.counts.recorded);
        }
        match claim {
            Some(Claim::Won) => Permit::Granted,
            Some(Claim::Held(held)) => Permit::Held(held),
            None => Permit::Unrecorded,
        }
    }

    /// Records that the run of a trigger run was started, and returns the links that belong into
    /// its stream: of a run that is recorded live each with
    /// `run.annotate(LINK_KEY, || &link)` ([`LINK_KEY`](runtrail_core::link::LINK_KEY)), of one whose events
    /// the engine makes itself as an annotation with [`Link::to_payload`].
    ///
    /// They are the same whether or not the store could take its part. Where a participant does not
    /// say which run emitted its event, the link takes that from the event, if the store has it.
    pub fn started(
        &self,
        run: &TriggerRunRecord,
        request_id: impl Into<Text>,
        at: Timestamp,
    ) -> Vec<Link> {
        let outcome = Outcome::Started {
            request_id: request_id.into(),
            at: Some(at),
        };
        self.complete(run, &outcome);
        let started = TriggerRunRecord {
            state: RunState::Completed(outcome),
            ..run.clone()
        };
        let links = started.links().into_iter();
        let mut links: Vec<Link> = links.map(|link| link.link).collect();
        self.name_emitters(&mut links);
        links
    }

    /// Says which runs emitted the events of links that do not say so.
    fn name_emitters(&self, links: &mut [Link]) {
        let mut nameless = Vec::new();
        for link in links {
            if let Source::Event {
                event_id,
                request_id: request_id @ None,
            } = &mut link.source
            {
                nameless.push((&*event_id, request_id));
            }
        }
        if nameless.is_empty() {
            return;
        }
        let ids: Vec<&str> = nameless
            .iter()
            .map(|(event_id, _)| event_id.as_str())
            .collect();
        let events = self.attempt(|store| store.get_events(&ids));
        for ((_, emitter), event) in nameless.into_iter().zip(events.unwrap_or_default()) {
            *emitter = event.and_then(|event| event.request_id);
        }
    }

    /// Records that the run of a trigger run will not be started.
    pub fn abandoned(&self, run: &TriggerRunRecord, reason: impl Into<Text>, at: Timestamp) {
        let outcome = Outcome::Abandoned {
            reason: reason.into(),
            at: Some(at),
        };
        self.complete(run, &outcome);
    }

    fn complete(&self, run: &TriggerRunRecord, outcome: &Outcome) {
        match self.attempt(|store| store.complete_run(&run.trigger_run_id, outcome)) {
            Some(Completion::Done | Completion::Already) => add(&self.counts.recorded),
            Some(Completion::Conflict(_)) => add(&self.counts.conflicts),
            Some(Completion::Unknown) => add(&self.counts.unknown),
            None => {}
        }
    }

    /// Says what has been done so far.
    pub fn report(&self) -> MonitorReport {
        let counts = &self.counts;
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let last = counts.last_failure.lock();
        MonitorReport {
            recorded: count(&counts.recorded),
            conflicts: count(&counts.conflicts),
            unknown: count(&counts.unknown),
            failed: count(&counts.failed),
            last_failure: last.unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Calls the store, if there is one; counts its failure.
    fn attempt<T>(
        &self,
        call: impl FnOnce(&dyn TriggerStore) -> Result<T, StoreError>,
    ) -> Option<T> {
        let store = self.store.as_deref()?;
        let failure = match catch_unwind(AssertUnwindSafe(|| call(store))) {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(error)) => in_full(&error),
            Err(_) => "the store panicked".to_owned(),
        };
        add(&self.counts.failed);
        let last = self.counts.last_failure.lock();
        *last.unwrap_or_else(PoisonError::into_inner) = Some(failure);
        None
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("on", &self.store.is_some())
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
