//! Where events that are made stand in the stream.

use crate::event::{Ctx, EventKind, Payload, TraceEvent};
use crate::text::Text;
use crate::time::Timestamp;

/// Where an event stands in its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) timestamp: Timestamp,
    pub(super) seq: u64,
    pub(super) rank: u8,
    pub(super) event_id: Text,
}

impl Moment {
    pub(super) fn of(event: &TraceEvent) -> Self {
        Self {
            timestamp: event.timestamp,
            seq: event.seq,
            rank: event.rank(),
            event_id: event.event_id.detached(),
        }
    }

    /// Whether only rank and id tell an event from the one that stands here.
    pub(super) fn shares(&self, event: &TraceEvent) -> bool {
        (self.timestamp, self.seq) == (event.timestamp, event.seq)
    }

    /// Makes an event that stands here, beside the one that caused it.
    ///
    /// Its id begins with that event's, so that it is the same whenever the same stream is
    /// processed, is no other event's, and comes after that event where their ranks are the same.
    pub(super) fn make(
        &self,
        run: &Text,
        kind: EventKind,
        id_suffix: &str,
        payload: String,
    ) -> TraceEvent {
        TraceEvent {
            event_id: Text::new(format!("{}~{id_suffix}", self.event_id)),
            request_id: run.clone(),
            payload: Payload::found(&kind, Text::new(payload)),
            kind,
            op_name: None,
            ctx: Ctx::default(),
            timestamp: self.timestamp,
            seq: self.seq,
            extra: None,
        }
    }
}
