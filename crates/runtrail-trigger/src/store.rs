//! What every store does.

use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use crate::error::StoreError;
use crate::query::{
    EventFilter, EventPage, EventQuery, Limit, LinkQuery, MarkerPage, MarkerQuery, TriggerRunPage,
    TriggerRunQuery,
};
use crate::record::{EventRecord, LinkRecord, Matches, Outcome, RunState, TriggerRunRecord};
use crate::retention::{Purged, Retention};

/// Keeps events, trigger runs and the links between them, for any number of threads at once.
///
/// Every call is atomic: what it writes is there as a whole or not at all, and what it reads is one
/// snapshot. What a call has written is there for every call that begins after it returned.
///
/// The suite in [`contract`](crate::contract) (feature `contract`) checks what is said here; a store
/// that passes it can stand wherever the ones of this crate do. [`TriggerStoreExt`] has the
/// shorthands for single records.
pub trait TriggerStore: Send + Sync {
    /// Records events, all or none; says of each what became of it, in their order.
    ///
    /// An event that is there already takes on the conditions and runs that are new to it and
    /// loses none. One with the same id and another code, time, emitter, payload or unknown field
    /// is a [conflict](Stored::Conflict): what was there stays as it was.
    fn record_events(&self, events: &[EventRecord]) -> Result<Vec<Stored>, StoreError>;

    /// Adds conditions to what an event has matched; `false` where there is no such event.
    ///
    /// What is known already stays, links and flags among it.
    fn update_matches(&self, event_id: &str, matches: &Matches) -> Result<bool, StoreError>;

    /// Inserts links and returns how many are new; a link with the source, run and condition of
    /// one that is there is ignored.
    ///
    /// The event of a link need not be there: once it is recorded it is a triggered one. A link
    /// that does not say which run emitted its event takes that from the event.
    fn link_runs(&self, links: &[LinkRecord]) -> Result<u64, StoreError>;

    /// Reads events by their ids, in the order of the ids; `None` for each that is not there.
    ///
    /// Of more than [`Limit::MAX`] ids the rest is `None` too.
    fn get_events(&self, event_ids: &[&str]) -> Result<Vec<Option<EventRecord>>, StoreError>;

    /// Lists the codes that there are events of, in their order, those after `after`.
    fn codes(&self, after: Option<&str>, limit: Limit) -> Result<Vec<CodeCount>, StoreError>;

    /// Counts events.
    fn count_events(&self, filter: &EventFilter) -> Result<u64, StoreError>;

    /// Reads a page of events, newest first, those of one time by their ids from the last on.
    fn find_events(&self, query: &EventQuery) -> Result<EventPage, StoreError>;

    /// Reads a page of a timeline, oldest first, events of one time by their ids.
    fn find_markers(&self, query: &MarkerQuery) -> Result<MarkerPage, StoreError>;

    /// Records a trigger run, unless it is there already: of all who claim an id, one wins.
    ///
    /// A run that is over already is recorded as such, with its links.
    fn claim_run(&self, run: &TriggerRunRecord) -> Result<Claim, StoreError>;

    /// Says what came of a trigger run, and links its sources to the run that was started.
    ///
    /// Saying the same again changes nothing; saying something else changes nothing either.
    fn complete_run(
        &self,
        trigger_run_id: &str,
        outcome: &Outcome,
    ) -> Result<Completion, StoreError>;

    /// Reads trigger runs by their ids, in the order of the ids; `None` for each that is not there.
    ///
    /// Of more than [`Limit::MAX`] ids the rest is `None` too.
    fn get_runs(
        &self,
        trigger_run_ids: &[&str],
    ) -> Result<Vec<Option<TriggerRunRecord>>, StoreError>;

    /// Reads a page of trigger runs, newest plan first, those of one time by their ids from the
    /// last on.
    fn find_runs(&self, query: &TriggerRunQuery) -> Result<TriggerRunPage, StoreError>;

    /// Reads links in the order of their times, then of the runs that they lead to.
    fn links(&self, query: &LinkQuery, limit: Limit) -> Result<Links, StoreError>;

    /// Says what [`TriggerStore::purge`] would remove at this moment.
    fn plan_purge(&self, retention: &Retention) -> Result<Purged, StoreError>;

    /// Removes what retention does not keep, and says what it was.
    ///
    /// It may go step by step, each step atomic and the oldest first, so that others can write in
    /// between; what they write meanwhile is not removed by a limit on numbers.
    fn purge(&self, retention: &Retention) -> Result<Purged, StoreError>;
}

/// Shorthands for single records.
pub trait TriggerStoreExt: TriggerStore {
    /// Records one event.
    fn record_event(&self, event: &EventRecord) -> Result<Stored, StoreError> {
        let stored = self.record_events(std::slice::from_ref(event))?;
        Ok(stored.first().copied().unwrap_or(Stored::Known))
    }

    /// Reads one event.
    fn event(&self, event_id: &str) -> Result<Option<EventRecord>, StoreError> {
        Ok(self.get_events(&[event_id])?.pop().flatten())
    }

    /// Reads one trigger run.
    fn trigger_run(&self, trigger_run_id: &str) -> Result<Option<TriggerRunRecord>, StoreError> {
        Ok(self.get_runs(&[trigger_run_id])?.pop().flatten())
    }

    /// Says that a trigger run started a run.
    fn started(
        &self,
        trigger_run_id: &str,
        request_id: impl Into<Text>,
        at: Timestamp,
    ) -> Result<Completion, StoreError> {
        let outcome = Outcome::Started {
            request_id: request_id.into(),
            at: Some(at),
        };
        self.complete_run(trigger_run_id, &outcome)
    }
}

impl<S: TriggerStore + ?Sized> TriggerStoreExt for S {}

/// What became of an event that was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stored {
    /// It is there now.
    New,
    /// It was there; it may have taken on conditions and links.
    Known,
    /// Another event with its id was there, and still is.
    Conflict,
}

/// Who may start the run that a trigger run stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Whoever asked.
    Won,
    /// Whoever claimed it before; this is what is recorded of it.
    Held(Box<TriggerRunRecord>),
}

/// What became of an outcome that was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// It is recorded.
    Done,
    /// The same was recorded before.
    Already,
    /// Something else was recorded before, and still is.
    Conflict(RunState),
    /// There is no such trigger run.
    Unknown,
}

/// A code, and how many events there are of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeCount {
    /// The code.
    pub code: Text,
    /// How many.
    pub events: u64,
}

/// Some links.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// The links, in the order of their times.
    pub links: Vec<LinkRecord>,
    /// Whether there are more of them.
    pub truncated: bool,
}
