//! Holding a run's events back until it is known what becomes of their ops.

mod ops;

use std::collections::VecDeque;

use super::lift::Lift;
use super::{Discard, HoldLimits, Output};
use crate::event::{EventKind, TraceEvent};

pub(super) use ops::{OpId, Ops};

/// How much is held back, over all runs.
pub(super) struct Budget {
    limits: HoldLimits,
    events: usize,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(limits: HoldLimits) -> Self {
        Self {
            limits,
            events: 0,
            bytes: 0,
        }
    }

    pub(super) fn events(&self) -> usize {
        self.events
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.events += 1;
        self.bytes += bytes;
    }

    pub(super) fn release(&mut self, events: usize, bytes: usize) {
        self.events -= events;
        self.bytes -= bytes;
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.events > self.limits.max_events || self.bytes > self.limits.max_bytes
    }
}

/// What becomes of an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Undecided,
    Keep,
    Drop,
}

/// An event in the queue.
struct Item {
    event: TraceEvent,
    op: Option<OpId>,
    /// Events that were made here are counted when they are given out, and not as held.
    made: bool,
    bytes: usize,
}

/// The events of one run that wait, in their order: an op that is not decided holds up all after it.
pub(super) struct Hold {
    queue: VecDeque<Item>,
    pub(super) ops: Ops,
    lift: Lift,
}

impl Hold {
    pub(super) fn new(max_open: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            ops: Ops::new(max_open),
            lift: Lift::default(),
        }
    }

    /// Puts an event at the end, with the op that it belongs to if that one may be left out.
    pub(super) fn push(&mut self, event: TraceEvent, op: Option<OpId>, budget: &mut Budget) {
        // What waits must not keep the chunk alive that it was read in.
        let event = if self.queue.is_empty() && self.ops.fate(op) != Fate::Undecided {
            event
        } else {
            event.detached()
        };
        let bytes = event.text_bytes();
        budget.add(bytes);
        self.ops.refer(op, 1);
        self.queue.push_back(Item {
            event,
            op,
            made: false,
            bytes,
        });
    }

    /// Puts an event at the end that the processor made.
    pub(super) fn push_made(&mut self, event: TraceEvent) {
        self.queue.push_back(Item {
            event,
            op: None,
            made: true,
            bytes: 0,
        });
    }

    /// Gives out what no undecided op holds up.
    pub(super) fn flush(
        &mut self,
        cause: Discard,
        max_left_out: usize,
        budget: &mut Budget,
        out: &mut Output,
    ) {
        while let Some(item) = self.queue.front() {
            let fate = self.ops.fate(item.op);
            if fate == Fate::Undecided {
                return;
            }
            let Some(item) = self.queue.pop_front() else {
                return;
            };
            self.ops.refer(item.op, -1);
            if item.made {
                out.make(item.event);
                continue;
            }
            budget.release(1, item.bytes);
            if fate == Fate::Drop || self.lift.owns(&item.event) {
                if item.event.kind == EventKind::OpStart {
                    self.lift.leave_out(&item.event, max_left_out);
                }
                out.discard(&item.event, cause);
            } else {
                out.forward(self.lift.lift(item.event));
            }
        }
    }

    /// Keeps the oldest op that is not decided, since too much waits; whether there was one.
    pub(super) fn give_way(&mut self) -> bool {
        match self.ops.oldest_undecided() {
            Some(op) => {
                self.ops.decide(op, Fate::Keep);
                true
            }
            None => false,
        }
    }
}
