//! Retention in memory.

use std::collections::BTreeSet;

use runtrail_core::text::Text;

use super::state::{LinkKey, Place, State};
use crate::record::{LinkRecord, TriggerRunRecord};
use crate::retention::{Purged, Retention};

/// What a purge removes.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    events: Vec<Place>,
    runs: Vec<Text>,
    links: BTreeSet<LinkKey>,
    spared: u64,
}

impl Doomed {
    pub(super) fn counts(&self) -> Purged {
        Purged {
            events: self.events.len() as u64,
            runs: self.runs.len() as u64,
            links: self.links.len() as u64,
            spared: self.spared,
        }
    }
}

impl State {
    pub(super) fn doomed(&self, retention: &Retention) -> Doomed {
        let mut doomed = Doomed::default();
        let pending = self.runs.values().filter(|run| run.is_pending());
        let needed: BTreeSet<&Text> = pending.flat_map(event_ids).collect();
        let surplus = surplus(self.timeline.len(), retention.max_events);
        for (index, place) in self.timeline.iter().enumerate() {
            if index >= surplus && retention.before.is_none_or(|before| place.0 >= before) {
                break;
            }
            if needed.contains(&place.1) {
                doomed.spared += 1;
            } else {
                doomed.events.push(place.clone());
            }
        }
        let gone: BTreeSet<&Text> = doomed.events.iter().map(|(_, id)| id).collect();
        doomed.runs = self.doomed_runs(retention, &gone);
        for id in &gone {
            doomed
                .links
                .extend(self.links_of(id).map(|(key, _)| key.clone()));
        }
        let loose = self.links.iter().filter(|(_, link)| self.is_loose(link));
        let loose = loose.filter(|(_, link)| {
            let old = retention.before.is_some_and(|before| link.link.at < before);
            let run = link.link.trigger_run_id.as_ref();
            old || run.is_some_and(|run| doomed.runs.binary_search(run).is_ok())
        });
        let loose: Vec<LinkKey> = loose.map(|(key, _)| key.clone()).collect();
        doomed.links.extend(loose);
        doomed
    }

    /// The ids of the runs that go, sorted.
    fn doomed_runs(&self, retention: &Retention, gone: &BTreeSet<&Text>) -> Vec<Text> {
        let over = self.runs.values().filter(|run| !run.is_pending());
        let mut over: Vec<&TriggerRunRecord> = over.collect();
        over.sort_by_key(|run| (run.last_time(), run.trigger_run_id.clone()));
        let surplus = surplus(over.len(), retention.max_runs);
        let doomed = over.into_iter().enumerate().filter(|(index, run)| {
            *index < surplus
                || retention
                    .before
                    .is_some_and(|before| run.last_time() < before)
                || event_ids(run).any(|id| gone.contains(id))
        });
        let mut ids: Vec<Text> = doomed.map(|(_, run)| run.trigger_run_id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn purge(&mut self, retention: &Retention) -> Purged {
        let doomed = self.doomed(retention);
        for place in &doomed.events {
            self.timeline.remove(place);
            self.events.remove(&place.1);
        }
        for id in &doomed.runs {
            self.runs.remove(id);
        }
        for key in &doomed.links {
            self.links.remove(key);
        }
        doomed.counts()
    }

    /// Whether a link comes from no recorded event.
    fn is_loose(&self, link: &LinkRecord) -> bool {
        let event = link.link.source.event_id();
        event.is_none_or(|id| !self.events.contains_key(id))
    }
}

fn event_ids(run: &TriggerRunRecord) -> impl Iterator<Item = &Text> {
    let participants = run.participants.iter();
    participants.filter_map(|participant| participant.source.event_id())
}

fn surplus(there: usize, kept: Option<u64>) -> usize {
    let kept = kept.map_or(there, |kept| usize::try_from(kept).unwrap_or(usize::MAX));
    there.saturating_sub(kept)
}
