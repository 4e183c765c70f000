//! What is picked out of a batch.

use super::Waiting;
use super::held::{cost, end_cost, pair_cost};
use crate::event::TraceEvent;
use crate::export::{Batch, Paired, RunEnd};
use crate::text::Text;

/// Some events of a batch, and ends of runs.
#[derive(Default)]
pub(super) struct Picked {
    pub(super) events: Vec<TraceEvent>,
    pub(super) ended: Vec<RunEnd>,
    paired: Vec<Paired>,
    /// Bytes that it will take once it is packed.
    pub(super) bytes: usize,
}

impl Picked {
    /// Takes an event, and its opener where it is an end that names none.
    pub(super) fn push(&mut self, event: TraceEvent, paired: Option<&Text>) {
        self.bytes += cost(&event, self.events.last());
        if let Some(opener_id) = paired {
            let paired = Paired {
                index: self.events.len(),
                opener_id: opener_id.clone(),
            };
            self.bytes += pair_cost(&paired);
            self.paired.push(paired);
        }
        self.events.push(event);
    }

    /// Ends a run after what was picked so far.
    pub(super) fn end(&mut self, request_id: &Text) {
        let end = RunEnd {
            request_id: request_id.clone(),
            after: self.events.len(),
        };
        self.bytes += end_cost(&end);
        self.ended.push(end);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.ended.is_empty()
    }

    /// Returns a batch that still keeps what it was picked of.
    pub(super) fn into_batch(self) -> Batch {
        Batch::new(self.events, self.ended).with_paired(self.paired)
    }

    /// Returns a batch that may wait: it was copied out of what it was picked of.
    pub(super) fn packed(self) -> Waiting {
        let events = TraceEvent::detached_together(self.events.iter());
        Waiting {
            bytes: self.bytes,
            batch: Batch::new(events, self.ended).with_paired(self.paired),
        }
    }
}
