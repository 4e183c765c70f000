//! The guard of a group.

use serde::Serialize;

use super::at::{At, REFUSED};
use super::op::Op;
use super::record::{Kind, end};
use super::run::open_named;
use super::scope::{Entered, Scope};
use crate::event::Ctx;

/// A group that is open. Dropped it ends `ok`, or `error` while the thread unwinds.
#[derive(Debug)]
#[must_use = "a group that is dropped at once holds nothing"]
pub struct Group {
    at: At,
}

impl Group {
    pub(super) const fn off() -> Self {
        Self { at: At::OFF }
    }

    #[inline]
    pub(super) fn open<V: Serialize>(at: At, name: &str, metadata: impl FnOnce() -> V) -> Self {
        let at = open_named(at, Kind::GroupStart, name, None, metadata);
        Self { at }
    }

    pub(super) fn at(&self) -> At {
        self.at
    }

    /// Whether this group is recorded.
    pub fn is_recorded(&self) -> bool {
        !self.at.is_off() && self.at.key != REFUSED
    }

    /// Opens an op in this group, running in `ctx`.
    #[inline]
    pub fn op<V: Serialize>(&self, name: &str, ctx: &Ctx, inputs: impl FnOnce() -> V) -> Op {
        if self.at.is_off() {
            return Op::off();
        }
        Op::open(self.at, name, Some(ctx), inputs)
    }

    /// Opens a group in this one.
    #[inline]
    pub fn group(&self, name: &str) -> Group {
        if self.at.is_off() {
            return Group::off();
        }
        Group::open(self.at, name, || ())
    }

    /// Records a note on this group.
    #[inline]
    pub fn annotate<V: Serialize>(&self, key: &str, value: impl FnOnce() -> V) {
        self.at.annotate(key, value);
    }

    /// Makes this group the place where the thread's ops open, until the guard is dropped.
    pub fn enter(&self) -> Entered {
        Scope::from(self).enter()
    }

    /// Ends the group: something in it failed.
    pub fn end_error(mut self) {
        self.end(end::ERROR);
    }

    fn end(&mut self, status: u8) {
        let at = std::mem::replace(&mut self.at, At::OFF);
        if !at.is_off() {
            at.record(Kind::GroupEnd, status, 0, |_| ());
        }
    }
}

impl Drop for Group {
    #[inline]
    fn drop(&mut self) {
        if self.at.is_off() {
            return;
        }
        self.end(if std::thread::panicking() {
            end::ERROR
        } else {
            end::OK
        });
    }
}
