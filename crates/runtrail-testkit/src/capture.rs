//! Exporters that keep what they are handed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, ExportError, Exporter, RunEnd, SpanBatch, SpanExporter};
use runtrail_core::span::{RunSummary, SpanRecord};

/// What arrived at a capturing exporter.
#[derive(Debug, Clone, Default)]
pub struct Arrived {
    /// The events, as they came.
    pub events: Vec<TraceEvent>,
    /// The ends of runs; `after` counts the events of all batches so far.
    pub ends: Vec<RunEnd>,
    /// The spans, as they closed.
    pub spans: Vec<SpanRecord>,
    /// The runs, as they finished.
    pub runs: Vec<RunSummary>,
    /// Calls of `export`.
    pub batches: usize,
    /// Calls of `flush`.
    pub flushes: usize,
    /// Whether `close` was called.
    pub closed: bool,
}

/// Reads what arrived at a capturing exporter, also after it was closed. A clone reads the same.
#[derive(Debug, Clone, Default)]
pub struct CaptureHandle(Arc<Mutex<Arrived>>);

impl CaptureHandle {
    /// Returns what arrived so far.
    pub fn arrived(&self) -> Arrived {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An [`Exporter`] that keeps the events it is handed.
///
/// ```
/// use runtrail_core::export::{Batch, Exporter};
/// use runtrail_testkit::{capture::Capture, run::RunBuilder};
///
/// let mut run = RunBuilder::new("r1");
/// run.push("op_start", Some("plan"), &[], "{}");
/// let mut exporter = Capture::default();
/// let handle = exporter.handle();
/// exporter.export(&Batch::new(run.into_events(), []))?;
/// assert_eq!(handle.arrived().events.len(), 1);
/// # Ok::<(), runtrail_core::export::ExportError>(())
/// ```
#[derive(Debug, Default)]
pub struct Capture(CaptureHandle);

impl Capture {
    /// Returns a handle that reads what arrives.
    pub fn handle(&self) -> CaptureHandle {
        self.0.clone()
    }
}

impl Exporter for Capture {
    fn name(&self) -> &'static str {
        "capture"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let mut arrived = self.0.lock();
        let before = arrived.events.len();
        arrived.batches += 1;
        arrived.events.extend_from_slice(batch.events());
        let ends = batch.ended().iter();
        arrived.ends.extend(ends.map(|end| RunEnd {
            after: before + end.after,
            ..end.clone()
        }));
        Ok(())
    }

    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        self.0.lock().flushes += 1;
        Ok(())
    }

    fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        self.0.lock().closed = true;
        Ok(())
    }
}

/// A [`SpanExporter`] that keeps the spans and runs it is handed.
#[derive(Debug, Default)]
pub struct CaptureSpans(CaptureHandle);

impl CaptureSpans {
    /// Returns a handle that reads what arrives.
    pub fn handle(&self) -> CaptureHandle {
        self.0.clone()
    }
}

impl SpanExporter for CaptureSpans {
    fn name(&self) -> &'static str {
        "capture-spans"
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        let mut arrived = self.0.lock();
        arrived.batches += 1;
        arrived.spans.extend_from_slice(batch.spans());
        arrived.runs.extend_from_slice(batch.runs());
        Ok(())
    }

    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        self.0.lock().flushes += 1;
        Ok(())
    }

    fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        self.0.lock().closed = true;
        Ok(())
    }
}
