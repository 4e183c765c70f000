//! Trying again.

mod backoff;

use std::time::Instant;

pub use backoff::{Backoff, RetrySettings};

use super::{Batch, ExportError, Exporter, SpanBatch, SpanExporter, Timer};

/// Tries again what failed and may succeed later.
///
/// Wraps an [`Exporter`] or a [`SpanExporter`] that can be handed the same batch again after
/// [`ExportErrorKind::Retry`](super::ExportErrorKind::Retry); so it belongs beneath
/// [`Spans`](super::Spans), whose fold keeps what it has taken. How long it waits and when it gives
/// up is [`Backoff`]'s matter. The error of the last attempt comes back as the source of one of the
/// same kind that says how often was tried. A flush is tried again until its deadline; a close
/// cannot be, since it consumes the exporter.
///
/// ```
/// use runtrail_core::export::{Batch, Exporter, Retry, RetrySettings};
/// use runtrail_testkit::{capture::Capture, time::ManualTimer};
///
/// let exporter = Capture::default();
/// let handle = exporter.handle();
/// let settings = RetrySettings::default();
/// let mut retry = Retry::new(exporter, settings, ManualTimer::default());
/// retry.export(&Batch::default())?;
/// assert_eq!(handle.arrived().batches, 1);
/// # Ok::<(), runtrail_core::export::ExportError>(())
/// ```
#[derive(Debug)]
pub struct Retry<E, T> {
    exporter: E,
    retrying: Retrying<T>,
}

impl<E, T: Timer> Retry<E, T> {
    /// Wraps an exporter.
    pub fn new(exporter: E, settings: RetrySettings, timer: T) -> Self {
        Self {
            exporter,
            retrying: Retrying {
                settings,
                timer,
                retries: 0,
            },
        }
    }

    /// Returns how many attempts followed a failed one, over all calls.
    pub fn retries(&self) -> u64 {
        self.retrying.retries
    }
}

#[derive(Debug)]
struct Retrying<T> {
    settings: RetrySettings,
    timer: T,
    retries: u64,
}

impl<T: Timer> Retrying<T> {
    fn run(
        &mut self,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let begun = self.timer.now();
        // Every call draws other numbers, or exporters that fail together would come back together.
        let mut backoff = Backoff::new(&self.settings, self.retries);
        loop {
            let Err(error) = attempt() else { return Ok(()) };
            let now = self.timer.now();
            let spent = now.saturating_duration_since(begun);
            let in_time = |delay| {
                let until = deadline.map(|at| at.saturating_duration_since(now));
                until.is_none_or(|left| delay < left)
            };
            let delay = backoff.after(error.kind(), spent);
            let waited = delay
                .filter(|delay| in_time(*delay))
                .is_some_and(|delay| self.timer.wait(delay));
            if !waited {
                return Err(gave_up(error, backoff.attempts()));
            }
            self.retries += 1;
        }
    }
}

fn gave_up(error: ExportError, attempts: u32) -> ExportError {
    if attempts <= 1 {
        return error;
    }
    ExportError::new(
        error.kind().clone(),
        format!("gave up after {attempts} attempts"),
    )
    .with_source(error)
}

#[deny(clippy::missing_trait_methods)]
impl<E: Exporter, T: Timer> Exporter for Retry<E, T> {
    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let exporter = &mut self.exporter;
        self.retrying.run(None, || exporter.export(batch))
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        let exporter = &mut self.exporter;
        self.retrying
            .run(Some(deadline), || exporter.flush(deadline))
    }

    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        Box::new(self.exporter).close(deadline)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: SpanExporter, T: Timer> SpanExporter for Retry<E, T> {
    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        let exporter = &mut self.exporter;
        self.retrying.run(None, || exporter.export(batch))
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        let exporter = &mut self.exporter;
        self.retrying
            .run(Some(deadline), || exporter.flush(deadline))
    }

    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        Box::new(self.exporter).close(deadline)
    }
}
