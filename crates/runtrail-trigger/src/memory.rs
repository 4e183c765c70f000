//! The store in memory.

mod purge;
mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::StoreError;
use crate::limits::RecordLimits;
use crate::query::{
    EventFilter, EventPage, EventQuery, Limit, LinkQuery, MarkerPage, MarkerQuery, TriggerRunPage,
    TriggerRunQuery,
};
use crate::record::{EventRecord, LinkRecord, Matches, Outcome, TriggerRunRecord};
use crate::retention::{Purged, Retention};
use crate::store::{Claim, CodeCount, Completion, Links, Stored, TriggerStore};

use state::State;

/// How much a [`MemoryStore`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemorySettings {
    /// How large a record may be.
    pub records: RecordLimits,
    /// Events; when they are as many, the oldest tenth goes as [`Retention::max_events`] says.
    pub max_events: usize,
    /// Trigger runs; when they are as many, the oldest tenth that is over goes.
    pub max_runs: usize,
    /// Links; what comes on top is refused.
    pub max_links: usize,
}

impl Default for MemorySettings {
    /// 100,000 events and trigger runs, a million links: some hundred megabytes at the most usual
    /// sizes.
    fn default() -> Self {
        Self {
            records: RecordLimits::default(),
            max_events: 100_000,
            max_runs: 100_000,
            max_links: 1_000_000,
        }
    }
}

/// Keeps everything in memory, behind one lock: for tests and programs that are not to leave files.
///
/// Questions other than for a timeline look at every record.
#[derive(Debug, Default)]
pub struct MemoryStore {
    settings: MemorySettings,
    state: Mutex<State>,
}

impl MemoryStore {
    /// Makes a store with nothing in it.
    pub fn new(settings: MemorySettings) -> Self {
        Self {
            settings,
            state: Mutex::default(),
        }
    }

    /// Every change is made after the last thing that can fail, so a panic leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TriggerStore for MemoryStore {
    fn record_events(&self, events: &[EventRecord]) -> Result<Vec<Stored>, StoreError> {
        let limits = &self.settings.records;
        events
            .iter()
            .try_for_each(|event| limits.check_event(event))?;
        let mut state = self.state();
        let links = events.iter().map(|event| event.triggered_runs.len()).sum();
        state.make_room_for_events(events.len(), &self.settings)?;
        state.make_room_for_links(links, &self.settings)?;
        Ok(events.iter().map(|event| state.record(event)).collect())
    }

    fn update_matches(&self, event_id: &str, matches: &Matches) -> Result<bool, StoreError> {
        self.settings.records.check_matches(matches)?;
        Ok(self.state().update_matches(event_id, matches))
    }

    fn link_runs(&self, links: &[LinkRecord]) -> Result<u64, StoreError> {
        let limits = &self.settings.records;
        links.iter().try_for_each(|link| limits.check_link(link))?;
        let mut state = self.state();
        state.make_room_for_links(links.len(), &self.settings)?;
        let new = links.iter().filter(|link| state.link((*link).clone()));
        Ok(new.count() as u64)
    }

    fn get_events(&self, event_ids: &[&str]) -> Result<Vec<Option<EventRecord>>, StoreError> {
        let state = self.state();
        let found = event_ids.iter().enumerate();
        let found = found.map(|(index, id)| {
            let wanted = index < Limit::MAX.get();
            wanted.then(|| state.event(id)).flatten()
        });
        Ok(found.collect())
    }

    fn codes(&self, after: Option<&str>, limit: Limit) -> Result<Vec<CodeCount>, StoreError> {
        Ok(self.state().codes(after, limit))
    }

    fn count_events(&self, filter: &EventFilter) -> Result<u64, StoreError> {
        Ok(self.state().matching(filter).count() as u64)
    }

    fn find_events(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        Ok(self.state().find_events(query))
    }

    fn find_markers(&self, query: &MarkerQuery) -> Result<MarkerPage, StoreError> {
        Ok(self.state().find_markers(query))
    }

    fn claim_run(&self, run: &TriggerRunRecord) -> Result<Claim, StoreError> {
        self.settings.records.check_run(run)?;
        let mut state = self.state();
        state.make_room_for_run(&self.settings)?;
        state.make_room_for_links(run.links().len(), &self.settings)?;
        Ok(state.claim(run))
    }

    fn complete_run(
        &self,
        trigger_run_id: &str,
        outcome: &Outcome,
    ) -> Result<Completion, StoreError> {
        self.settings.records.check_outcome(outcome)?;
        let mut state = self.state();
        let links = state.participants(trigger_run_id);
        state.make_room_for_links(links, &self.settings)?;
        Ok(state.complete(trigger_run_id, outcome))
    }

    fn get_runs(
        &self,
        trigger_run_ids: &[&str],
    ) -> Result<Vec<Option<TriggerRunRecord>>, StoreError> {
        let state = self.state();
        let found = trigger_run_ids.iter().enumerate();
        let found = found.map(|(index, id)| {
            let wanted = index < Limit::MAX.get();
            wanted.then(|| state.run(id)).flatten()
        });
        Ok(found.collect())
    }

    fn find_runs(&self, query: &TriggerRunQuery) -> Result<TriggerRunPage, StoreError> {
        Ok(self.state().find_runs(query))
    }

    fn links(&self, query: &LinkQuery, limit: Limit) -> Result<Links, StoreError> {
        Ok(self.state().links(query, limit))
    }

    fn plan_purge(&self, retention: &Retention) -> Result<Purged, StoreError> {
        let state = self.state();
        Ok(state.doomed(retention).counts())
    }

    fn purge(&self, retention: &Retention) -> Result<Purged, StoreError> {
        Ok(self.state().purge(retention))
    }
}
