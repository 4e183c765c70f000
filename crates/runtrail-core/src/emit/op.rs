//! The guard of an op.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::Serialize;

use super::at::{At, REFUSED};
use super::encode::Draft;
use super::group::Group;
use super::record::{Kind, end};
use super::run::open_named;
use super::scope::{Entered, Scope};
use super::usage::LlmUsage;
use crate::event::Ctx;
use crate::pipeline::shared::find;

/// An op that is open. Dropped without an end it records `cancelled`.
///
/// It can be moved to another thread or task and used from several. One that found no room when it
/// was opened records nothing, nor does anything opened in it.
#[derive(Debug)]
#[must_use = "an op that is dropped at once is recorded as cancelled"]
pub struct Op {
    at: At,
    yielded: AtomicU64,
    every: u64,
}

impl Op {
    pub(super) const fn off() -> Self {
        Self::new(At::OFF)
    }

    const fn new(at: At) -> Self {
        Self {
            at,
            yielded: AtomicU64::new(0),
            every: 1,
        }
    }

    #[inline]
    pub(super) fn open<V: Serialize>(
        at: At,
        name: &str,
        ctx: Option<&Ctx>,
        inputs: impl FnOnce() -> V,
    ) -> Self {
        Self::new(open_named(at, Kind::OpStart, name, ctx, inputs))
    }

    pub(super) fn at(&self) -> At {
        self.at
    }

    /// Whether this op is recorded.
    pub fn is_recorded(&self) -> bool {
        !self.at.is_off() && self.at.key != REFUSED
    }

    /// Opens an op in this one, in the same ctx.
    #[inline]
    pub fn op<V: Serialize>(&self, name: &str, inputs: impl FnOnce() -> V) -> Op {
        if self.at.is_off() {
            return Op::off();
        }
        Op::open(self.at, name, None, inputs)
    }

    /// Opens an op in this one, in a ctx of its own.
    #[inline]
    pub fn op_in<V: Serialize>(&self, name: &str, ctx: &Ctx, inputs: impl FnOnce() -> V) -> Op {
        if self.at.is_off() {
            return Op::off();
        }
        Op::open(self.at, name, Some(ctx), inputs)
    }

    /// Opens a group in this op.
    #[inline]
    pub fn group(&self, name: &str) -> Group {
        if self.at.is_off() {
            return Group::off();
        }
        Group::open(self.at, name, || ())
    }

    /// Records a note.
    #[inline]
    pub fn annotate<V: Serialize>(&self, key: &str, value: impl FnOnce() -> V) {
        self.at.annotate(key, value);
    }

    /// Records what an LLM call used.
    #[inline]
    pub fn llm_usage(&self, usage: LlmUsage<'_>) {
        usage.record(self.at);
    }

    /// Puts bytes into the pipeline's [media store](crate::pipeline::MediaStore), and records a
    /// reference to them: their handle, `mime` and size.
    ///
    /// This thread takes the SHA-256 of the bytes, which is their handle, and moves them on; storing
    /// is another's, and the same bytes are stored once. Where they cannot be stored the reference
    /// says so (`error`), or, where that shows later, a note on the run
    /// ([`MEDIA_FAILED_KEY`](crate::pipeline::MEDIA_FAILED_KEY)).
    pub fn media(&self, bytes: impl Into<Bytes>, mime: &str) {
        if self.at.is_off() {
            return;
        }
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        let stored = match find(self.at.pipeline) {
            // Of an op that is absent nothing is stored.
            Some(shared) if self.is_recorded() && !shared.is_forked() => {
                Some(shared.media.put(&shared, self.at.run, bytes, mime))
            }
            _ => None,
        };
        let handle = stored.as_ref().and_then(|stored| stored.as_ref().ok());
        let refused = stored.as_ref().and_then(|stored| stored.as_ref().err());
        self.at.record(Kind::MediaRef, 0, 0, |draft| {
            draft.value(&handle);
            draft.value(mime);
            draft.value(&size);
            draft.value(&refused);
        });
    }

    /// Records only every `n`-th item of a generator, beginning with the first; 0 records none.
    ///
    /// Counts and indices stay those of all items.
    pub fn yields_every(mut self, n: u64) -> Self {
        self.every = n;
        self
    }

    /// Counts an item of a generator, and records it unless [`yields_every`](Self::yields_every)
    /// passes it over. Returns its index, from 0.
    #[inline]
    pub fn yield_item<V: Serialize>(&self, item: impl FnOnce() -> V) -> u64 {
        let index = self.yielded.fetch_add(1, Ordering::Relaxed);
        let recorded = match self.every {
            0 => false,
            1 => true,
            every => index.is_multiple_of(every),
        };
        if recorded && !self.at.is_off() {
            self.at
                .record(Kind::OpYield, 0, index, |draft| draft.value(&item()));
        }
        index
    }

    /// Makes this op the current one of the thread until the guard is dropped.
    ///
    /// For code that does not await; see [`InOp`](super::InOp) for what does.
    pub fn enter(&self) -> Entered {
        Scope::from(self).enter()
    }

    /// Ends the op: it did what it was asked. Where `outputs` panics, the op is recorded as cancelled.
    #[inline]
    pub fn end_ok<V: Serialize>(self, outputs: impl FnOnce() -> V) {
        self.end(end::OK, |draft| draft.value(&outputs()));
    }

    /// Ends the op: it failed. `kind` is the error's type, such as `io::Error`. Where writing the message
    /// panics, the op is recorded as cancelled.
    #[inline]
    pub fn end_error(self, kind: &str, message: impl std::fmt::Display) {
        self.end(end::ERROR, |draft| {
            draft.value(&());
            draft.value(kind);
            draft.value(&format_args!("{message}"));
        });
    }

    /// Ends the op: it was stopped before it was done.
    #[inline]
    pub fn end_cancelled(self) {
        drop(self);
    }

    #[inline]
    fn end(mut self, status: u8, fill: impl FnOnce(&mut Draft)) {
        if self.at.is_off() {
            return;
        }
        let yielded = *self.yielded.get_mut();
        self.at.record(Kind::OpEnd, status, yielded, fill);
        // Not before: what is recorded is the caller's code, which may panic, and then this is dropped and
        // the op cancelled. There is nothing else that dropping it would do.
        std::mem::forget(self);
    }
}

impl Drop for Op {
    #[inline]
    fn drop(&mut self) {
        if self.at.is_off() {
            return;
        }
        let yielded = *self.yielded.get_mut();
        self.at
            .record(Kind::OpEnd, end::CANCELLED, yielded, |draft| {
                draft.value(&());
            });
    }
}
