//! What one exporter misses of a run, and the note that tells of it.

use crate::event::{Ctx, EventKind, Payload, TraceEvent};
use crate::json::push_string;
use crate::pipeline::cause::{DropCause, LOST_KEY, kind_name};
use crate::text::Text;
use crate::time::Timestamp;

/// Where in its run an event stands.
#[derive(Debug)]
pub(super) struct Near {
    event_id: Text,
    timestamp: Timestamp,
    seq: u64,
}

impl Near {
    pub(super) fn of(event: &TraceEvent) -> Self {
        Self {
            event_id: event.event_id.detached(),
            timestamp: event.timestamp,
            seq: event.seq,
        }
    }
}

/// Events of a run that one exporter misses, until its stream tells of them.
#[derive(Debug)]
pub(super) struct Missing {
    counts: Vec<(DropCause, usize, u64)>,
    /// The run's last event since, missed or not: what a note at its end comes after.
    pub(super) last: Near,
}

impl Missing {
    /// Begins with nothing.
    pub(super) fn new(last: Near) -> Self {
        Self {
            counts: Vec::new(),
            last,
        }
    }

    pub(super) fn add(&mut self, cause: DropCause, kind: usize) {
        let mut counts = self.counts.iter_mut();
        match counts.find(|(c, k, _)| (*c, *k) == (cause, kind)) {
            Some((_, _, count)) => *count += 1,
            None => self.counts.push((cause, kind, 1)),
        }
    }

    /// The event that tells of it. It takes time and `seq` of an event beside it, from which its id is
    /// derived.
    pub(super) fn note(&self, request_id: &Text, near: &Near) -> TraceEvent {
        let events: u64 = self.counts.iter().map(|(_, _, count)| count).sum();
        let mut payload = format!("{{\"key\":\"{LOST_KEY}\",\"value\":{{\"events\":{events}");
        for (cause, kind, count) in &self.counts {
            payload.push(',');
            push_string(&mut payload, &format!("{cause}.{}", kind_name(*kind)));
            payload.push_str(&format!(":{count}"));
        }
        payload.push_str("}}");
        TraceEvent {
            event_id: Text::new(format!("{}-lost", near.event_id)),
            request_id: request_id.clone(),
            payload: Payload::found(&EventKind::Annotation, Text::new(payload)),
            kind: EventKind::Annotation,
            op_name: None,
            ctx: Ctx::default(),
            timestamp: near.timestamp,
            seq: near.seq,
            extra: None,
        }
    }
}
