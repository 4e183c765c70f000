//! What the resolver holds of a run.

use std::sync::Arc;

use super::super::cause::{DropCause, kind_name};
use super::super::clock::{Steady, Timeline, timestamp};
use super::super::ledger::Ledger;
use super::super::payload::Object;
use super::super::recorded::{IdPrefix, Place};
use super::{Map, Recent, Set};
use crate::emit::at::RUN;
use crate::emit::render::push_integer;
use crate::event::{Ctx, EventKind, Payload, TraceEvent};
use crate::text::Text;

/// The open runs, each at a number that it keeps; the next run may have it when it is over.
#[derive(Debug, Default)]
pub(super) struct Runs {
    slots: Vec<Option<RunState>>,
    free: Vec<usize>,
    begun: u64,
}

impl Runs {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// How many runs have begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut RunState> {
        self.slots.get_mut(number)?.as_mut()
    }

    pub(super) fn insert(&mut self, mut run: RunState) -> usize {
        run.order = self.begun;
        self.begun += 1;
        let number = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(number) {
            Some(slot) => *slot = Some(run),
            None => self.slots.push(Some(run)),
        }
        number
    }

    pub(super) fn remove(&mut self, number: usize) -> Option<RunState> {
        let run = self.slots.get_mut(number)?.take()?;
        self.free.push(number);
        Some(run)
    }

    /// The numbers of all runs, in the order in which they began.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let runs = self.slots.iter().enumerate();
        let mut numbers: Vec<_> = runs
            .filter_map(|(number, run)| Some((run.as_ref()?.order, number)))
            .collect();
        numbers.sort_unstable();
        numbers.into_iter().map(|(_, number)| number).collect()
    }
}

/// An op or a group that has begun and not ended.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) seq: u64,
    pub(super) nanos: i64,
    pub(super) place: Arc<Place>,
}

/// Openers that were dropped and whose ends have not come: what is opened in them is to be absent as well,
/// rather than to stand there without a parent.
#[derive(Debug, Default)]
pub(super) struct Absent {
    keys: Set<u64>,
    /// More were dropped than are remembered, so any parent that is not open may have been.
    is_beyond: bool,
}

impl Absent {
    pub(super) fn add(&mut self, key: u64, limit: usize) {
        if self.keys.len() < limit {
            self.keys.insert(key);
        } else {
            self.is_beyond = true;
        }
    }

    /// Takes note of an opener's end.
    pub(super) fn end(&mut self, key: u64) {
        self.keys.remove(&key);
    }
}

#[derive(Debug)]
pub(super) struct RunState {
    pub(super) request_id: Text,
    pub(super) ids: IdPrefix,
    pub(super) next_seq: u64,
    pub(super) times: Steady,
    pub(super) handles: usize,
    /// How many runs began before it.
    order: u64,
    pub(super) open: Map<u64, Open>,
    pub(super) absent: Absent,
    pub(super) recent: Recent,
    /// Where it stands in which sheet.
    pub(super) stamp: (u64, u32),
    /// Whether the ledger follows it from here on, because its engine made events of it itself, which
    /// may end what was opened otherwise.
    pub(super) in_ledger: bool,
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
            order: 0,
            open: Map::default(),
            absent: Absent::default(),
            recent: Recent::default(),
            stamp: (0, 0),
            in_ledger: false,
            losses: Vec::new(),
        }
    }

    /// Has the ledger know what is open.
    pub(super) fn enter(&mut self, ledger: &mut Ledger) {
        if std::mem::replace(&mut self.in_ledger, true) {
            return;
        }
        let mut open: Vec<_> = self.open.values().collect();
        open.sort_unstable_by_key(|open| open.seq);
        for open in open {
            // The limit was kept when it was opened.
            let _ = ledger.open(&self.request_id, &self.ids.id(open.seq), &open.place);
        }
    }

    /// Whether what is opened in an opener would stand there without a parent, since that was dropped.
    #[inline]
    pub(super) fn is_absent(&self, parent: u64) -> bool {
        let Absent { keys, is_beyond } = &self.absent;
        if keys.is_empty() && !is_beyond {
            return false;
        }
        keys.contains(&parent) || *is_beyond && parent != RUN && !self.open.contains_key(&parent)
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

    /// Whether events were lost of which the stream has not told yet.
    #[inline]
    pub(super) fn misses_something(&self) -> bool {
        !self.losses.is_empty()
    }

    /// Makes the note that tells of losses, if there are any.
    pub(super) fn tell(&mut self) -> Option<TraceEvent> {
        if self.losses.is_empty() {
            return None;
        }
        let payload = losses(&std::mem::take(&mut self.losses));
        let seq = self.next_seq;
        self.next_seq += 1;
        Some(TraceEvent {
            event_id: self.ids.id(seq),
            request_id: self.request_id.clone(),
            kind: EventKind::Annotation,
            op_name: None,
            ctx: Ctx::default(),
            timestamp: timestamp(self.times.last().unwrap_or_default()),
            seq,
            payload,
            extra: None,
        })
    }
}

/// The payload of the note that tells of losses.
fn losses(losses: &[(DropCause, usize, u64)]) -> Payload {
    let mut text = Vec::new();
    let mut object = Object::begin(&mut text);
    object.text(0, "key", crate::pipeline::LOST_KEY.as_bytes());
    object.field(1, "value", |out| {
        let events = losses.iter().map(|(_, _, count)| count).sum();
        out.extend_from_slice(b"{\"events\":");
        push_integer(out, events);
        for (cause, kind, count) in losses {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(cause.as_str().as_bytes());
            out.push(b'.');
            out.extend_from_slice(kind_name(*kind).as_bytes());
            out.extend_from_slice(b"\":");
            push_integer(out, *count);
        }
        out.push(b'}');
    });
    let (_, slots) = object.end();
    Payload::from_parts(Text::from_utf8(text).unwrap_or_default(), slots)
}
