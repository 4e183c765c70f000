//! What the resolver holds of a run.

use super::super::cause::DropCause;
use super::super::clock::{Steady, Timeline};
use super::shares::Shares;
use super::{IdPrefix, Map, Pending, Step, push_losses};
use crate::event::{Ctx, EventKind};
use crate::text::Text;

/// An op or a group that has begun and not ended.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) seq: u64,
    pub(super) nanos: i64,
    pub(super) op_name: Option<Text>,
    /// A group's name.
    pub(super) group: Option<Text>,
    pub(super) ctx: Ctx,
}

#[derive(Debug)]
pub(super) struct RunState {
    pub(super) request_id: Text,
    pub(super) ids: IdPrefix,
    pub(super) next_seq: u64,
    pub(super) times: Steady,
    pub(super) handles: usize,
    pub(super) open: Map<u64, Open>,
    /// Losses that the stream has not told of yet.
    losses: Vec<(DropCause, usize, u64)>,
}

impl RunState {
    pub(super) fn new(request_id: Text, ids: IdPrefix, line: &Timeline) -> Self {
        Self {
            request_id,
            ids,
            next_seq: 0,
            times: Steady::new(line),
            handles: 0,
            open: Map::default(),
            losses: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, cause: DropCause, kind: usize, count: u64) {
        let same = self
            .losses
            .iter_mut()
            .find(|(c, k, _)| (*c, *k) == (cause, kind));
        match same {
            Some((_, _, sum)) => *sum += count,
            None => self.losses.push((cause, kind, count)),
        }
    }

    pub(super) fn has_notes(&self) -> bool {
        !self.losses.is_empty()
    }

    /// Writes the note that tells of losses; returns how many events that made.
    pub(super) fn tell(
        &mut self,
        buffer: &mut Vec<u8>,
        steps: &mut Vec<Step>,
        shares: &mut Shares,
        no_ctx: &Ctx,
    ) -> u64 {
        if self.losses.is_empty() {
            return 0;
        }
        let losses = std::mem::take(&mut self.losses);
        let request_id = shares.text(&self.request_id, buffer);
        let start = buffer.len();
        self.ids.push(buffer, self.next_seq);
        let id = start..buffer.len();
        let (payload, slots) = push_losses(buffer, &losses);
        steps.push(Step::Pending(Pending {
            request_id,
            kind: EventKind::Annotation,
            op_name: None,
            ctx: shares.path(no_ctx),
            nanos: self.times.last().unwrap_or_default(),
            seq: self.next_seq,
            id,
            payload,
            slots,
        }));
        self.next_seq += 1;
        1
    }
}
