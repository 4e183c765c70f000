//! What an exporter is.
//!
//! An [`Exporter`] takes events, a [`SpanExporter`] takes what the fold made of them;
//! [`Spans`] turns the second into the first. Both traits are synchronous and object-safe and have
//! no default methods. Behaviour is added by wrapping: [`Retry`], [`RateLimit`] and [`DeadLetter`],
//! the first two also around a [`SpanExporter`], beneath the fold.

mod batch;
mod dead_letter;
mod error;
mod rate_limit;
mod retry;
mod spans;
mod timer;

use std::time::Instant;

pub use batch::{Batch, RunEnd, SpanBatch};
pub(crate) use batch::{Paired, RunStep};
pub use dead_letter::{DeadLetter, DeadLetterStore};
pub use error::{ExportError, ExportErrorKind, Rejection, in_full};
pub use rate_limit::{RateLimit, RateLimitSettings};
pub use retry::{Backoff, Retry, RetrySettings};
pub use spans::Spans;
pub use timer::Timer;

/// Takes events somewhere.
pub trait Exporter: Send {
    /// Returns a short name for messages and counts, such as `parquet`.
    fn name(&self) -> &str;

    /// Takes a batch. After `Ok` the exporter answers for every event in it.
    ///
    /// A run's events come in their order, over any number of batches; when a batch says that a
    /// run ended, no more of it follows. May block; must not keep the batch's text beyond what it
    /// states as its memory bound.
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError>;

    /// Makes what was exported before durable, as far as its kind of destination can without
    /// ending runs, or fails when the deadline passes.
    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError>;

    /// Ends everything: what was exported is complete and visible when this returns `Ok`.
    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError>;
}

/// Takes closed spans and finished runs somewhere.
pub trait SpanExporter: Send {
    /// Returns a short name for messages and counts.
    fn name(&self) -> &str;

    /// Takes a batch. A run's spans come as they close; its summary comes after all of them.
    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError>;

    /// As [`Exporter::flush`].
    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError>;

    /// As [`Exporter::close`].
    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError>;
}

#[deny(clippy::missing_trait_methods)]
impl<E: Exporter + ?Sized> Exporter for Box<E> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        (**self).export(batch)
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        (**self).flush(deadline)
    }

    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        (*self).close(deadline)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: SpanExporter + ?Sized> SpanExporter for Box<E> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        (**self).export(batch)
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        (**self).flush(deadline)
    }

    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        (*self).close(deadline)
    }
}
