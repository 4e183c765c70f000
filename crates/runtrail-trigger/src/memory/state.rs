//! What a store in memory holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use runtrail_core::link::Source;
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use super::MemorySettings;
use crate::error::{StoreError, StoreErrorKind};
use crate::query::{
    Cursor, EventFilter, EventPage, EventQuery, Limit, LinkQuery, MAX_PAGE_BYTES, MarkerPage,
    MarkerQuery, Page, TriggerRunPage, TriggerRunQuery,
};
use crate::record::{
    EventMarker, EventRecord, LinkRecord, Matches, Outcome, RunState, TriggerRunRecord,
};
use crate::retention::Retention;
use crate::store::{Claim, CodeCount, Completion, Links, Stored};

/// A record's place in its order.
pub(super) type Place = (Timestamp, Text);

/// What makes a link the same as another: kind and id of its source, the run, the condition.
pub(super) type LinkKey = (Text, Text, Text, Text);

#[derive(Debug, Default)]
pub(super) struct State {
    /// Without the runs that they triggered, which the links know.
    pub(super) events: HashMap<Text, EventRecord>,
    pub(super) timeline: BTreeSet<Place>,
    pub(super) runs: BTreeMap<Text, TriggerRunRecord>,
    pub(super) links: BTreeMap<LinkKey, LinkRecord>,
}

impl State {
    pub(super) fn make_room_for_events(
        &mut self,
        more: usize,
        settings: &MemorySettings,
    ) -> Result<(), StoreError> {
        let most = settings.max_events;
        if self.events.len() + more > most {
            let kept = (most - most / 10).saturating_sub(more);
            self.purge(&Retention {
                max_events: Some(kept as u64),
                ..Retention::default()
            });
        }
        enough("events", self.events.len() + more, most)
    }

    pub(super) fn make_room_for_run(
        &mut self,
        settings: &MemorySettings,
    ) -> Result<(), StoreError> {
        let most = settings.max_runs;
        if self.runs.len() >= most {
            let pending = self.runs.values().filter(|run| run.is_pending()).count();
            let kept = (most - most / 10).saturating_sub(pending + 1);
            self.purge(&Retention {
                max_runs: Some(kept as u64),
                ..Retention::default()
            });
        }
        enough("trigger runs", self.runs.len() + 1, most)
    }

    pub(super) fn make_room_for_links(
        &self,
        more: usize,
        settings: &MemorySettings,
    ) -> Result<(), StoreError> {
        enough("links", self.links.len() + more, settings.max_links)
    }

    pub(super) fn record(&mut self, event: &EventRecord) -> Stored {
        let stored = match self.events.get(&event.event_id) {
            Some(known) if !known.same_content(event) => return Stored::Conflict,
            Some(_) => Stored::Known,
            None => {
                let bare = EventRecord {
                    matched_conditions: Vec::new(),
                    valid_conditions: Vec::new(),
                    triggered_runs: Vec::new(),
                    ..event.clone()
                };
                let place = (bare.timestamp, bare.event_id.clone());
                self.timeline.insert(place);
                self.events.insert(bare.event_id.clone(), bare);
                Stored::New
            }
        };
        let matches = Matches {
            matched: event.matched_conditions.clone(),
            valid: event.valid_conditions.clone(),
        };
        self.update_matches(&event.event_id, &matches);
        for link in event.own_links() {
            self.link(link);
        }
        stored
    }

    pub(super) fn update_matches(&mut self, event_id: &str, matches: &Matches) -> bool {
        let Some(event) = self.events.get_mut(event_id) else {
            return false;
        };
        for (known, more) in [
            (&mut event.matched_conditions, &matches.matched),
            (&mut event.valid_conditions, &matches.valid),
        ] {
            known.extend(more.iter().cloned());
            known.sort_unstable();
            known.dedup();
        }
        true
    }

    /// Inserts a link unless it is there; whether it was not.
    pub(super) fn link(&mut self, link: LinkRecord) -> bool {
        let source = &link.link.source;
        let key = (
            Text::new(source.kind()),
            source.id().cloned().unwrap_or_default(),
            link.to_request_id.clone(),
            link.link.condition_id.clone().unwrap_or_default(),
        );
        let new = !self.links.contains_key(&key);
        self.links.entry(key).or_insert(link);
        new
    }

    /// The links that come from an event.
    pub(super) fn links_of(&self, event_id: &str) -> impl Iterator<Item = (&LinkKey, &LinkRecord)> {
        let first = (
            Text::from("event"),
            Text::from(event_id),
            Text::default(),
            Text::default(),
        );
        let id = first.1.clone();
        self.links
            .range(first..)
            .take_while(move |(key, _)| key.0 == "event" && key.1 == id)
    }

    pub(super) fn event(&self, event_id: &str) -> Option<EventRecord> {
        let mut event = self.events.get(event_id)?.clone();
        let runs = self
            .links_of(event_id)
            .map(|(_, link)| link.to_request_id.clone());
        event.triggered_runs = runs.collect();
        event.triggered_runs.dedup();
        event.triggered_runs.truncate(Limit::MAX.get());
        Some(event)
    }

    pub(super) fn codes(&self, after: Option<&str>, limit: Limit) -> Vec<CodeCount> {
        let mut codes: BTreeMap<&Text, u64> = BTreeMap::new();
        for event in self.events.values() {
            *codes.entry(&event.code).or_default() += 1;
        }
        let wanted = codes
            .into_iter()
            .filter(|(code, _)| after.is_none_or(|after| code.as_str() > after));
        let counted = wanted.map(|(code, events)| CodeCount {
            code: code.clone(),
            events,
        });
        counted.take(limit.get()).collect()
    }

    fn marker(&self, event_id: &str) -> Option<EventMarker> {
        let event = self.events.get(event_id)?;
        Some(EventMarker {
            triggered: self.links_of(event_id).next().is_some(),
            ..event.marker()
        })
    }

    /// The markers of a filter's events, oldest first.
    pub(super) fn matching(
        &self,
        filter: &EventFilter,
    ) -> impl DoubleEndedIterator<Item = EventMarker> {
        let wanted = |event: &EventRecord| {
            filter.range.contains(event.timestamp)
                && filter.code.as_ref().is_none_or(|code| event.code == *code)
                && (filter.request_id.is_none() || event.request_id == filter.request_id)
        };
        let flags = |marker: &EventMarker| {
            filter.matched.is_none_or(|flag| marker.matched == flag)
                && filter.triggered.is_none_or(|flag| marker.triggered == flag)
        };
        self.timeline
            .iter()
            .filter(move |(_, id)| self.events.get(id).is_some_and(wanted))
            .filter_map(|(_, id)| self.marker(id))
            .filter(flags)
    }

    pub(super) fn find_markers(&self, query: &MarkerQuery) -> MarkerPage {
        let filter = EventFilter {
            range: query.range,
            ..EventFilter::default()
        };
        let wanted = || {
            self.matching(&filter)
                .filter(|marker| query.state.wants(marker.matched, marker.triggered))
        };
        let rest =
            wanted().filter(|marker| query.after.as_ref().is_none_or(|at| place(marker) > *at));
        let items = rest.take(query.limit.get() + 1).collect();
        Page::cut(items, wanted().count() as u64, query.limit, place)
    }

    pub(super) fn find_events(&self, query: &EventQuery) -> EventPage {
        let total = self.matching(&query.filter).count() as u64;
        let rest = self.matching(&query.filter).rev();
        let rest = rest.filter(|marker| query.after.as_ref().is_none_or(|at| place(marker) < *at));
        let (mut items, mut bytes) = (Vec::new(), 0);
        for marker in rest {
            if items.len() == query.limit.get() || bytes >= MAX_PAGE_BYTES {
                let next = items.last().map(EventRecord::place);
                return Page {
                    items,
                    total,
                    limit: query.limit,
                    next,
                };
            }
            if let Some(event) = self.event(&marker.event_id) {
                bytes += event.payload.as_str().len();
                items.push(event);
            }
        }
        Page {
            items,
            total,
            limit: query.limit,
            next: None,
        }
    }

    pub(super) fn claim(&mut self, run: &TriggerRunRecord) -> Claim {
        if let Some(held) = self.runs.get(&run.trigger_run_id) {
            return Claim::Held(Box::new(held.clone()));
        }
        for link in run.links() {
            self.link(link);
        }
        self.runs.insert(run.trigger_run_id.clone(), run.clone());
        Claim::Won
    }

    pub(super) fn participants(&self, trigger_run_id: &str) -> usize {
        let run = self.runs.get(trigger_run_id);
        run.map_or(0, |run| run.participants.len())
    }

    pub(super) fn complete(&mut self, trigger_run_id: &str, outcome: &Outcome) -> Completion {
        let Some(run) = self.runs.get_mut(trigger_run_id) else {
            return Completion::Unknown;
        };
        match &run.state {
            RunState::Completed(known) if known.agrees_with(outcome) => Completion::Already,
            RunState::Completed(_) => Completion::Conflict(run.state.clone()),
            RunState::Pending => {
                run.state = RunState::Completed(outcome.clone());
                for link in run.links() {
                    self.link(link);
                }
                Completion::Done
            }
        }
    }

    pub(super) fn run(&self, trigger_run_id: &str) -> Option<TriggerRunRecord> {
        self.runs.get(trigger_run_id).cloned()
    }

    pub(super) fn find_runs(&self, query: &TriggerRunQuery) -> TriggerRunPage {
        let mut wanted: Vec<&TriggerRunRecord> =
            self.runs.values().filter(|run| wants(query, run)).collect();
        let total = wanted.len() as u64;
        wanted.retain(|run| query.after.as_ref().is_none_or(|at| run.place() < *at));
        wanted.sort_by_key(|run| std::cmp::Reverse(run.place()));
        let items = wanted.into_iter().take(query.limit.get() + 1).cloned();
        Page::cut(items.collect(), total, query.limit, TriggerRunRecord::place)
    }

    pub(super) fn links(&self, query: &LinkQuery, limit: Limit) -> Links {
        let mut found: Vec<(&LinkKey, LinkRecord)> = Vec::new();
        for (key, link) in &self.links {
            let link = self.with_emitter(link);
            let wanted = match query {
                LinkQuery::To(run) => link.to_request_id == *run,
                LinkQuery::FromRun(run) => link.link.source.request_id() == Some(run),
                LinkQuery::FromEvent(event) => link.link.source.event_id() == Some(event),
            };
            if wanted {
                found.push((key, link));
            }
        }
        found.sort_by(|(key, a), (other, b)| {
            let order = a.link.at.cmp(&b.link.at);
            order
                .then_with(|| a.to_request_id.cmp(&b.to_request_id))
                .then_with(|| key.cmp(other))
        });
        let truncated = found.len() > limit.get();
        found.truncate(limit.get());
        Links {
            links: found.into_iter().map(|(_, link)| link).collect(),
            truncated,
        }
    }

    /// A link, with the run that emitted its event where only the event knows it.
    fn with_emitter(&self, link: &LinkRecord) -> LinkRecord {
        let mut link = link.clone();
        if let Source::Event {
            event_id,
            request_id: request_id @ None,
        } = &mut link.link.source
        {
            *request_id = self
                .events
                .get(event_id)
                .and_then(|event| event.request_id.clone());
        }
        link
    }
}

fn place(marker: &EventMarker) -> Cursor {
    Cursor {
        timestamp: marker.timestamp,
        id: marker.event_id.clone(),
    }
}

fn wants(query: &TriggerRunQuery, run: &TriggerRunRecord) -> bool {
    let mut sources = run
        .participants
        .iter()
        .map(|participant| &participant.source);
    let some =
        |wanted: &Option<Text>, found: Option<&Text>| wanted.is_none() || wanted.as_ref() == found;
    query.range.contains(run.planned_at)
        && some(&query.trigger_id, Some(&run.trigger_id))
        && some(&query.request_id, run.request_id())
        && query.pending.is_none_or(|flag| run.is_pending() == flag)
        && (query.event_id.is_none()
            || sources
                .clone()
                .any(|source| source.event_id() == query.event_id.as_ref()))
        && (query.source_request_id.is_none()
            || sources.any(|source| source.request_id() == query.source_request_id.as_ref()))
        && query.condition_id.as_ref().is_none_or(|condition| {
            let mut participants = run.participants.iter();
            participants.any(|participant| participant.condition_id == *condition)
        })
}

fn enough(what: &str, wanted: usize, most: usize) -> Result<(), StoreError> {
    if wanted <= most {
        return Ok(());
    }
    let message = format!("the store holds at most {most} {what}");
    Err(StoreError::new(StoreErrorKind::Full, message))
}
