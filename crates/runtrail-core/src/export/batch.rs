//! What exporters are handed.

use std::sync::Arc;

use crate::event::TraceEvent;
use crate::span::{RunSummary, SpanRecord};
use crate::text::Text;

/// Events on their way to exporters; a clone is two pointers.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    events: Arc<[TraceEvent]>,
    ended: Arc<[RunEnd]>,
}

/// Says that a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// The run.
    pub request_id: Text,
    /// How many of the batch's events come before the end.
    pub after: usize,
}

impl Batch {
    /// Makes a batch; `ended` must be in the order of `after`.
    pub fn new(events: impl Into<Arc<[TraceEvent]>>, ended: impl Into<Arc<[RunEnd]>>) -> Self {
        Self {
            events: events.into(),
            ended: ended.into(),
        }
    }

    /// Returns the events.
    pub fn events(&self) -> &[TraceEvent] {
        &self.events
    }

    /// Returns the runs that ended within the batch.
    pub fn ended(&self) -> &[RunEnd] {
        &self.ended
    }

    /// Returns events and ends as they came: each stretch of events, and the run that ended after it.
    pub fn stretches(&self) -> impl Iterator<Item = (&[TraceEvent], Option<&Text>)> {
        let mut start = 0;
        let closed = self
            .ended
            .iter()
            .map(|end| (end.after, Some(&end.request_id)));
        closed
            .chain(std::iter::once((self.events.len(), None)))
            .map(move |(after, request_id)| {
                let until = after.clamp(start, self.events.len());
                let events = &self.events[start..until];
                start = until;
                (events, request_id)
            })
    }
}

/// Closed spans and finished runs on their way to exporters; a clone is two pointers.
#[derive(Debug, Clone, Default)]
pub struct SpanBatch {
    spans: Arc<[SpanRecord]>,
    runs: Arc<[RunSummary]>,
}

impl SpanBatch {
    /// Makes a batch.
    pub fn new(spans: impl Into<Arc<[SpanRecord]>>, runs: impl Into<Arc<[RunSummary]>>) -> Self {
        Self {
            spans: spans.into(),
            runs: runs.into(),
        }
    }

    /// Returns the spans, in the order they closed.
    pub fn spans(&self) -> &[SpanRecord] {
        &self.spans
    }

    /// Returns the runs that finished, after every span of this batch; every span of theirs is in
    /// this batch or an earlier one.
    pub fn runs(&self) -> &[RunSummary] {
        &self.runs
    }
}
