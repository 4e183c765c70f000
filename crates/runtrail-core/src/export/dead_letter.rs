//! Keeping what could not be exported.

use std::time::Instant;

use super::{Batch, ExportError, ExportErrorKind, Exporter, in_full};
use crate::event::TraceEvent;

/// Keeps events that were given up, such as in a file.
pub trait DeadLetterStore: Send {
    /// Keeps an event, and why `exporter` gave it up.
    fn keep(&mut self, event: &TraceEvent, exporter: &str, reason: &str)
    -> Result<(), ExportError>;

    /// Makes what was kept durable.
    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError>;
}

/// Keeps what the exporter beneath gives up: every event of a batch that failed, or those that were
/// rejected.
///
/// The error comes back all the same, so that the events count as failed; its kind is then
/// [`ExportErrorKind::Permanent`], since trying again would keep them twice (rejections stay
/// rejections). An event that cannot be kept either is said to be lost in the error's message.
///
/// It belongs above [`Retry`](super::Retry). Above [`Spans`](super::Spans) it keeps the batch at
/// which an export failed, not those that the fold had taken before. What fails at a flush or at the
/// close is not kept: no batch is at hand then.
#[derive(Debug)]
pub struct DeadLetter<E, S> {
    exporter: E,
    store: S,
    kept: u64,
}

impl<E: Exporter, S: DeadLetterStore> DeadLetter<E, S> {
    /// Wraps an exporter.
    pub fn new(exporter: E, store: S) -> Self {
        Self {
            exporter,
            store,
            kept: 0,
        }
    }

    /// Returns how many events were given up and kept.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    fn give_up(&mut self, batch: &Batch, error: ExportError) -> ExportError {
        let said = in_full(&error);
        let name = self.exporter.name();
        let store = &mut self.store;
        let mut lost = Lost::default();
        let mut keep = |event: &TraceEvent, reason: &str| {
            let done = store.keep(event, name, reason);
            self.kept += u64::from(done.is_ok());
            lost.note(done);
        };
        let rejected = match error.kind() {
            ExportErrorKind::Rejected(rejections) => {
                for rejection in rejections {
                    if let Some(event) = batch.events().get(rejection.index) {
                        keep(event, &rejection.reason);
                    }
                }
                true
            }
            _ => {
                batch.events().iter().for_each(|event| keep(event, &said));
                false
            }
        };
        let kind = if rejected {
            error.kind().clone()
        } else {
            ExportErrorKind::Permanent
        };
        ExportError::new(kind, lost.message()).with_source(error)
    }
}

/// Events that could neither be exported nor kept.
#[derive(Default)]
struct Lost {
    count: u64,
    first: Option<ExportError>,
}

impl Lost {
    fn note(&mut self, done: Result<(), ExportError>) {
        if let Err(error) = done {
            self.count += 1;
            self.first.get_or_insert(error);
        }
    }

    fn message(&self) -> String {
        match &self.first {
            None => "given up and kept as dead letters".to_owned(),
            Some(error) => format!(
                "given up; {} events are lost, since they could not be kept: {}",
                self.count,
                in_full(error)
            ),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Exporter, S: DeadLetterStore> Exporter for DeadLetter<E, S> {
    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        match self.exporter.export(batch) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.give_up(batch, error)),
        }
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        let flushed = self.exporter.flush(deadline);
        // What was given up is made durable whatever becomes of the rest.
        self.store.flush(deadline).and(flushed)
    }

    fn close(mut self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        let closed = Box::new(self.exporter).close(deadline);
        self.store.flush(deadline).and(closed)
    }
}
