//! Adding up runs on their way to an exporter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use runtrail_core::export::{Batch, ExportError, Exporter, SpanBatch, SpanExporter};
use runtrail_core::span::RunTotals;

/// What the runs came to; a clone reads the same sum.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals(Arc<Mutex<RunTotals>>);

impl Totals {
    /// Returns the sum so far.
    pub(crate) fn read(&self) -> RunTotals {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Adds up the runs that pass through.
pub(crate) struct Counting<E> {
    totals: Totals,
    exporter: E,
}

impl<E> Counting<E> {
    /// Counts what goes to an exporter.
    pub(crate) fn new(exporter: E) -> (Self, Totals) {
        let totals = Totals::default();
        (
            Self {
                totals: totals.clone(),
                exporter,
            },
            totals,
        )
    }
}

impl<E: SpanExporter> SpanExporter for Counting<E> {
    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.exporter.export(batch)?;
        let mut totals = self.totals.0.lock().unwrap_or_else(PoisonError::into_inner);
        batch.runs().iter().for_each(|run| totals.add(run));
        Ok(())
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        self.exporter.flush(deadline)
    }

    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        Box::new(self.exporter).close(deadline)
    }
}

/// Takes spans nowhere.
pub(crate) struct Nowhere;

impl SpanExporter for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
    }

    fn export(&mut self, _batch: &SpanBatch) -> Result<(), ExportError> {
        Ok(())
    }

    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }

    fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }
}

/// Hands everything to two exporters, one after the other.
pub(crate) struct Both<A, B>(pub(crate) A, pub(crate) B);

impl<A: Exporter, B: Exporter> Exporter for Both<A, B> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.0.export(batch)?;
        self.1.export(batch)
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        self.0.flush(deadline)?;
        self.1.flush(deadline)
    }

    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        Box::new(self.0).close(deadline)?;
        Box::new(self.1).close(deadline)
    }
}
