//! The adapter between the two contracts.

use std::time::Instant;

use super::{Batch, ExportError, Exporter, SpanBatch, SpanExporter};
use crate::fold::{Fold, FoldLimits};

/// Turns a [`SpanExporter`] into an [`Exporter`] by the shared fold.
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
}

impl<E: SpanExporter> Exporter for Spans<E> {
    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let (mut spans, mut runs) = (Vec::new(), Vec::new());
        for (events, ended) in batch.stretches() {
            for event in events {
                self.fold.push(event, &mut spans);
            }
            runs.extend(ended.and_then(|run| self.fold.finish_run(run, &mut spans)));
        }
        if spans.is_empty() && runs.is_empty() {
            return Ok(());
        }
        self.exporter.export(&SpanBatch::new(spans, runs))
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        self.exporter.flush(deadline)
    }

    fn close(mut self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        let (mut spans, mut runs) = (Vec::new(), Vec::new());
        for run in self.fold.open_runs() {
            runs.extend(self.fold.finish_run(&run, &mut spans));
        }
        if !runs.is_empty() {
            self.exporter.export(&SpanBatch::new(spans, runs))?;
        }
        Box::new(self.exporter).close(deadline)
    }
}
