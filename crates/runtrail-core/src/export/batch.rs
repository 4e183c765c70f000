//! What exporters are handed.

use std::sync::{Arc, OnceLock};

use crate::event::TraceEvent;
use crate::pipeline::recorded::Recorded;
use crate::span::{RunSummary, SpanRecord};
use crate::text::Text;

/// Events on their way to exporters; a clone is a few pointers. What a batch has written of recorded
/// events is no part of a clone, which would hold text that nobody counts.
///
/// A pipeline without processors hands out events as they were recorded, and [`Batch::events`]
/// writes them when it is first called: an exporter that only counts does not pay for text.
#[derive(Debug, Default)]
pub struct Batch {
    events: Arc<Vec<TraceEvent>>,
    recorded: Option<Arc<Recorded>>,
    /// What was recorded, once it is written.
    written: OnceLock<Arc<Vec<TraceEvent>>>,
    /// Of events; what was recorded has its own.
    paired: Option<Arc<[Paired]>>,
    ended: Arc<[RunEnd]>,
}

impl Clone for Batch {
    fn clone(&self) -> Self {
        Self {
            events: Arc::clone(&self.events),
            recorded: self.recorded.clone(),
            written: OnceLock::new(),
            paired: self.paired.clone(),
            ended: Arc::clone(&self.ended),
        }
    }
}

/// Says that a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// The run.
    pub request_id: Text,
    /// How many of the batch's events come before the end.
    pub after: usize,
}

/// An end that names no opener, and the one that it ended: what its kind, name and path said when it came.
#[derive(Debug, Clone)]
pub(crate) struct Paired {
    /// Where the end stands among the batch's events.
    pub(crate) index: usize,
    pub(crate) opener_id: Text,
}

impl Batch {
    /// Makes a batch; `ended` must be in the order of `after`.
    pub fn new(events: impl Into<Vec<TraceEvent>>, ended: impl Into<Arc<[RunEnd]>>) -> Self {
        Self {
            events: Arc::new(events.into()),
            recorded: None,
            written: OnceLock::new(),
            paired: None,
            ended: ended.into(),
        }
    }

    pub(crate) fn recorded(recorded: Recorded, ended: Vec<RunEnd>) -> Self {
        Self {
            events: Arc::default(),
            recorded: Some(Arc::new(recorded)),
            written: OnceLock::new(),
            paired: None,
            ended: ended.into(),
        }
    }

    /// Returns the events.
    pub fn events(&self) -> &[TraceEvent] {
        match &self.recorded {
            Some(recorded) => self.written.get_or_init(|| recorded.events()),
            None => &self.events,
        }
    }

    /// Returns how many events there are, without a look at them.
    pub fn len(&self) -> usize {
        match &self.recorded {
            Some(recorded) => recorded.len(),
            None => self.events.len(),
        }
    }

    /// Whether there is no event; a run may have ended all the same.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events as they were recorded, where they were.
    pub(crate) fn as_recorded(&self) -> Option<&Recorded> {
        self.recorded.as_deref()
    }

    /// Adds the openers of ends that name none, in the order of the ends.
    pub(crate) fn with_paired(self, paired: Vec<Paired>) -> Self {
        Self {
            paired: (!paired.is_empty()).then(|| paired.into()),
            ..self
        }
    }

    pub(crate) fn paired(&self) -> &[Paired] {
        match &self.recorded {
            Some(recorded) => recorded.paired(),
            None => self.paired.as_deref().unwrap_or_default(),
        }
    }

    /// The opener of an end that names none.
    pub(crate) fn opener_of(&self, index: usize) -> Option<&Text> {
        let paired = self.paired();
        let at = paired.binary_search_by_key(&index, |paired| paired.index);
        at.ok()
            .and_then(|at| paired.get(at))
            .map(|paired| &paired.opener_id)
    }

    /// The runs of the events and the ends of runs as they came, without a look at what was recorded:
    /// of events of one run in a row, the first at least.
    pub(crate) fn runs(&self) -> Vec<RunStep<'_>> {
        let begun = match &self.recorded {
            Some(recorded) => recorded.runs(),
            None => self.runs_of_events(),
        };
        let mut steps = Vec::with_capacity(begun.len() + self.ended.len());
        let mut ended = self.ended.iter().peekable();
        for (first, request_id) in begun {
            while let Some(end) = ended.next_if(|end| end.after <= first) {
                steps.push(RunStep::End(&end.request_id));
            }
            steps.push(RunStep::Events(request_id));
        }
        steps.extend(ended.map(|end| RunStep::End(&end.request_id)));
        steps
    }

    fn runs_of_events(&self) -> Vec<(usize, &Text)> {
        let mut ended = self.ended.iter().map(|end| end.after).peekable();
        let mut runs: Vec<(usize, &Text)> = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            let mut is_new = runs
                .last()
                .is_none_or(|(_, last)| *last != &event.request_id);
            while ended.next_if(|after| *after <= index).is_some() {
                is_new = true;
            }
            if is_new {
                runs.push((index, &event.request_id));
            }
        }
        runs
    }

    /// Returns the runs that ended within the batch.
    pub fn ended(&self) -> &[RunEnd] {
        &self.ended
    }

    /// Returns events and ends as they came: each stretch of events, and the run that ended after it.
    pub fn stretches(&self) -> impl Iterator<Item = (&[TraceEvent], Option<&Text>)> {
        let events = self.events();
        let mut start = 0;
        let closed = self
            .ended
            .iter()
            .map(|end| (end.after, Some(&end.request_id)));
        closed
            .chain(std::iter::once((events.len(), None)))
            .map(move |(after, request_id)| {
                let until = after.clamp(start, events.len());
                let stretch = events.get(start..until).unwrap_or_default();
                start = until;
                (stretch, request_id)
            })
    }
}

/// What a batch says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunStep<'b> {
    /// Events of it follow.
    Events(&'b Text),
    /// It is over.
    End(&'b Text),
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
