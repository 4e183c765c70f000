//! The adapter between the two contracts.

use std::time::Instant;

use super::{Batch, ExportError, ExportErrorKind, Exporter, SpanBatch, SpanExporter};
use crate::fold::{Fold, FoldLimits};

/// Turns a [`SpanExporter`] into an [`Exporter`] by the shared fold.
///
/// The exporter beneath is handed the end of each run before any span that closed later. The fold
/// keeps what it has taken, so a batch that failed cannot be tried again here: a wrapper that tries
/// again belongs beneath this one. Everything of a batch is handed on all the same; of several errors
/// the first is returned. One that rejects some spans comes back as permanent, since spans have other places than the
/// events of the batch.
#[derive(Debug)]
pub struct Spans<E> {
    fold: Fold,
    exporter: E,
}

impl<E: SpanExporter> Spans<E> {
    /// Adapts an exporter, with the default namespace and limits.
    pub fn new(exporter: E) -> Self {
        Self::with_fold(exporter, Fold::new("", FoldLimits::default()))
    }

    /// Adapts an exporter with a fold of the caller's.
    pub fn with_fold(exporter: E, fold: Fold) -> Self {
        Self { fold, exporter }
    }

    fn hand_on(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.exporter.export(batch).map_err(of_events)
    }
}

/// An error that says nothing of events by the places of spans.
fn of_events(error: ExportError) -> ExportError {
    let ExportErrorKind::Rejected(spans) = error.kind() else {
        return error;
    };
    let mut message = format!("{} spans or runs were refused", spans.len());
    if let Some(first) = spans.first() {
        message = format!("{message}, the first because: {}", first.reason);
    }
    ExportError::permanent(message).with_source(error)
}

impl<E: SpanExporter> Exporter for Spans<E> {
    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let mut spans = Vec::new();
        let mut failed = None;
        for (events, ended) in batch.stretches() {
            for event in events {
                self.fold.push(event, &mut spans);
            }
            if let Some(run) = ended.and_then(|run| self.fold.finish_run(run, &mut spans)) {
                // Handed on at once: what an exporter holds of unfinished runs, and so where its
                // limits bite, must not depend on how the stream is split into batches.
                let batch = SpanBatch::new(std::mem::take(&mut spans), [run]);
                // The fold cannot go back: an error over one run must not cost the others in the batch.
                if let Err(error) = self.hand_on(&batch) {
                    failed.get_or_insert(error);
                }
            }
        }
        if !spans.is_empty()
            && let Err(error) = self.hand_on(&SpanBatch::new(spans, []))
        {
            failed.get_or_insert(error);
        }
        failed.map_or(Ok(()), Err)
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        self.exporter.flush(deadline)
    }

    fn close(mut self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        let mut failed = None;
        for open in self.fold.open_runs() {
            let mut spans = Vec::new();
            if let Some(run) = self.fold.finish_run(&open, &mut spans)
                && let Err(error) = self.hand_on(&SpanBatch::new(spans, [run]))
            {
                failed.get_or_insert(error);
            }
        }
        let closed = Box::new(self.exporter).close(deadline);
        failed.map_or(closed, Err)
    }
}
