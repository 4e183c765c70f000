//! The ops of a run that may be left out, paired as the fold pairs them.

use std::collections::BTreeSet;

use super::Fate;
use crate::event::{Ctx, EventKind, TraceEvent};
use crate::process::runs::Map;
use crate::text::Text;

/// Names an op of a run, in the order of their starts.
pub(in crate::process) type OpId = u64;

struct Op {
    fate: Fate,
    open: bool,
    /// Events in the queue that belong to it.
    waiting: i64,
    id: Text,
    place: (Text, Ctx),
}

/// The ops of a run that are open, or of which events still wait.
pub(in crate::process) struct Ops {
    all: Map<OpId, Op>,
    undecided: BTreeSet<OpId>,
    by_id: Map<Text, OpId>,
    by_place: Map<(Text, Ctx), BTreeSet<OpId>>,
    started: OpId,
    max_open: usize,
}

impl Ops {
    pub(super) fn new(max_open: usize) -> Self {
        Self {
            all: Map::default(),
            undecided: BTreeSet::new(),
            by_id: Map::default(),
            by_place: Map::default(),
            started: 0,
            max_open,
        }
    }

    /// Opens an op; `None` where too many are open.
    pub(in crate::process) fn open(&mut self, start: &TraceEvent, fate: Fate) -> Option<OpId> {
        if self.all.len() >= self.max_open {
            return None;
        }
        let op = self.started;
        self.started += 1;
        let id = start.event_id.detached();
        let name = start.op_name.as_ref().map(Text::detached);
        let place = (name.unwrap_or_default(), start.ctx.clone());
        self.by_id.insert(id.clone(), op);
        self.by_place.entry(place.clone()).or_default().insert(op);
        if fate == Fate::Undecided {
            self.undecided.insert(op);
        }
        self.all.insert(
            op,
            Op {
                fate,
                open: true,
                waiting: 0,
                id,
                place,
            },
        );
        Some(op)
    }

    /// The open op that an event belongs to.
    pub(in crate::process) fn owner(&self, event: &TraceEvent) -> Option<OpId> {
        if let Some(id) = event.view().opener_id() {
            return self.by_id.get(&*id).copied();
        }
        let name = event.op_name.clone()?;
        let latest = |ctx: Ctx| {
            let open = self.by_place.get(&(name.clone(), ctx));
            open.and_then(|open| open.last().copied())
        };
        if event.kind != EventKind::OpYield {
            return latest(event.ctx.clone());
        }
        // A yield's ctx may carry the item's segment beyond the ctx of its op.
        let segments = event.ctx.segments();
        latest(event.ctx.clone()).or_else(|| {
            (0..segments.len())
                .rev()
                .find_map(|len| latest(Ctx::new(segments[..len].iter().cloned())))
        })
    }

    pub(in crate::process) fn by_id(&self, id: &str) -> Option<OpId> {
        self.by_id.get(id).copied()
    }

    pub(in crate::process) fn fate(&self, op: Option<OpId>) -> Fate {
        op.and_then(|op| self.all.get(&op))
            .map_or(Fate::Keep, |op| op.fate)
    }

    /// Decides about an op; what is decided stays so.
    pub(in crate::process) fn decide(&mut self, op: OpId, fate: Fate) {
        if self.undecided.remove(&op)
            && let Some(op) = self.all.get_mut(&op)
        {
            op.fate = fate;
        }
    }

    /// Keeps each undecided op that a test speaks for.
    pub(in crate::process) fn keep_if(&mut self, test: impl Fn(OpId, &str, &Ctx) -> bool) {
        let ops = &mut self.all;
        self.undecided.retain(|id| match ops.get_mut(id) {
            Some(op) if test(*id, &op.place.0, &op.place.1) => {
                op.fate = Fate::Keep;
                false
            }
            _ => true,
        });
    }

    pub(super) fn oldest_undecided(&self) -> Option<OpId> {
        self.undecided.first().copied()
    }

    /// Closes an op: no later event belongs to it.
    pub(in crate::process) fn close(&mut self, id: OpId) {
        let Some(op) = self.all.get_mut(&id) else {
            return;
        };
        op.open = false;
        self.by_id.remove(&op.id);
        if let Some(open) = self.by_place.get_mut(&op.place) {
            open.remove(&id);
            if open.is_empty() {
                self.by_place.remove(&op.place);
            }
        }
        self.forget(id);
    }

    /// Counts the events of an op in the queue.
    pub(super) fn refer(&mut self, id: Option<OpId>, by: i64) {
        let Some(id) = id else { return };
        if let Some(op) = self.all.get_mut(&id) {
            op.waiting += by;
        }
        self.forget(id);
    }

    fn forget(&mut self, id: OpId) {
        let done = self
            .all
            .get(&id)
            .is_some_and(|op| !op.open && op.waiting == 0 && op.fate != Fate::Undecided);
        if done {
            self.all.remove(&id);
        }
    }
}
