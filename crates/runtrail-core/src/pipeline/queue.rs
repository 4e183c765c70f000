//! What an exporter's queue lets in, as a decision without a thread.
//!
//! A full queue loses whole subtrees, not ends: an opener that finds no room takes with it all that
//! belongs to it, and the end of one that was let in has room in the reserve. When there is room
//! again, the run's stream says how much is missing.

mod held;

use std::collections::{HashMap, HashSet, VecDeque};

use held::{Held, cost, end_cost};

use super::cause::{DropCause, Dropped, LOST_KEY, kind_name};
use crate::emit::record::{Kind, is_precious};
use crate::event::{Ctx, EventKind, Payload, TraceEvent, View};
use crate::export::{Batch, RunEnd};
use crate::json::push_string;
use crate::text::Text;

/// The part of a queue, in eighths, that ordinary events leave to ends and usage.
const RESERVE_EIGHTHS: usize = 1;
/// Openers without room that are remembered; beyond them nothing is let in until some have ended.
const MAX_REFUSED: usize = 1 << 16;

/// A batch as it waits, with the bytes that it takes.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    pub(crate) bytes: usize,
}

impl Waiting {
    /// Makes it of what is handed to all exporters.
    ///
    /// Events that processors left over of a chunk, or that keep other large ones in memory, are copied
    /// out of them.
    pub(crate) fn new(batch: Batch) -> Self {
        let ends: usize = batch.ended().iter().map(end_cost).sum();
        // What an exporter makes of recorded events it makes for itself, batch by batch.
        if let Some(recorded) = batch.as_recorded() {
            let bytes = recorded.size() + ends;
            return Self { batch, bytes };
        }
        let held = Held::of(batch.events());
        if !held.is_loose() {
            let bytes = held.kept.max(held.packed) + ends;
            return Self { batch, bytes };
        }
        let events = TraceEvent::detached_together(batch.events().iter());
        Self {
            batch: Batch::new(events, batch.ended()),
            bytes: held.packed + ends,
        }
    }

    pub(crate) fn events(&self) -> usize {
        self.batch.len()
    }
}

/// Events of a run that one exporter misses, until its stream tells of them.
type Missing = Vec<(DropCause, usize, u64)>;

/// What one exporter's queue holds, and what it lets in.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    events: usize,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
    drops_oldest: bool,
    /// Openers that were not let in.
    refused: HashSet<Text>,
    /// Openers that gave way while what belongs to them may be waiting still.
    evicted: HashSet<Text>,
    missing: HashMap<Text, Missing>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// Events that wait now, notes included.
    pub(crate) taken: u64,
    /// Notes that were made.
    pub(crate) made: u64,
    pub(crate) dropped: Dropped,
    /// Events that had waited and gave way.
    pub(crate) given_way: u64,
}

impl Queue {
    pub(crate) fn new(max_events: usize, max_bytes: usize, drops_oldest: bool) -> Self {
        Self {
            waiting: VecDeque::new(),
            events: 0,
            bytes: 0,
            max_events,
            max_bytes,
            drops_oldest,
            refused: HashSet::new(),
            evicted: HashSet::new(),
            missing: HashMap::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the batch that has waited longest. Its room is free once [`Queue::done`] says so.
    pub(crate) fn pop(&mut self) -> Option<Popped> {
        let waiting = self.waiting.pop_front()?;
        let mut dropped = Dropped::default();
        let batch = if self.evicted.is_empty() {
            waiting.batch.clone()
        } else {
            let rest = sift(&waiting.batch, |event| {
                let absent = is_absent(&mut self.evicted, event);
                if absent {
                    if is_opener(event) {
                        self.evicted.insert(event.event_id.detached());
                    }
                    dropped.event(DropCause::Subtree, event);
                }
                !absent
            });
            rest.batch
        };
        Some(Popped {
            waiting,
            batch,
            dropped,
        })
    }

    /// Frees the room of a batch that was taken and is done with.
    pub(crate) fn done(&mut self, events: usize, bytes: usize) {
        self.events = self.events.saturating_sub(events);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Takes in a batch, or what there is room for.
    pub(crate) fn push(&mut self, whole: &Waiting) -> Admitted {
        let mut admitted = Admitted::default();
        if self.drops_oldest && !self.fits(whole.events(), whole.bytes) {
            self.give_way(whole, &mut admitted);
        }
        let is_usual = self.refused.is_empty() && self.missing.is_empty();
        if is_usual && self.fits(whole.events(), whole.bytes) {
            self.take(whole.clone(), &mut admitted);
        } else {
            let part = self.part(&whole.batch, &mut admitted);
            if part.events() > 0 || !part.batch.ended().is_empty() {
                self.take(part, &mut admitted);
            }
        }
        admitted
    }

    fn take(&mut self, waiting: Waiting, admitted: &mut Admitted) {
        admitted.taken += waiting.events() as u64;
        self.events += waiting.events();
        self.bytes += waiting.bytes;
        self.waiting.push_back(waiting);
    }

    /// Whether ordinary events of this number and size have room.
    fn fits(&self, events: usize, bytes: usize) -> bool {
        let usable = |limit: usize| limit - limit / 8 * RESERVE_EIGHTHS;
        self.events + events <= usable(self.max_events)
            && self.bytes + bytes <= usable(self.max_bytes)
    }

    fn fits_precious(&self, events: usize, bytes: usize) -> bool {
        self.events + events <= self.max_events && self.bytes + bytes <= self.max_bytes
    }

    /// Picks what there is room for out of a batch.
    fn part(&mut self, batch: &Batch, admitted: &mut Admitted) -> Waiting {
        let mut picked = Picked::default();
        for (events, ended) in batch.stretches() {
            for event in events {
                self.pick(event, &mut picked, admitted);
            }
            if let Some(request_id) = ended {
                self.tell(request_id, events.last(), &mut picked, admitted);
                self.missing.remove(request_id);
                picked.ended.push(RunEnd {
                    request_id: request_id.clone(),
                    after: picked.events.len(),
                });
            }
        }
        picked.packed()
    }

    fn pick(&mut self, event: &TraceEvent, picked: &mut Picked, admitted: &mut Admitted) {
        let bytes = cost(event, picked.events.last());
        let (events, total) = (picked.events.len() + 1, picked.bytes + bytes);
        let absent = is_absent(&mut self.refused, event);
        let has_room = if is_precious(event) {
            self.fits_precious(events, total)
        } else {
            self.fits(events, total) && self.refused.len() < MAX_REFUSED
        };
        if absent || !has_room {
            let cause = if absent {
                DropCause::Subtree
            } else {
                DropCause::QueueFull
            };
            if is_opener(event) {
                self.refused.insert(event.event_id.detached());
            }
            self.miss(event, cause, admitted);
            return;
        }
        if !self.missing.is_empty() && !is_precious(event) {
            self.tell(&event.request_id, Some(event), picked, admitted);
        }
        picked.push(event.clone(), bytes);
    }

    /// Counts an event that is not handed on, and remembers it for the note.
    fn miss(&mut self, event: &TraceEvent, cause: DropCause, admitted: &mut Admitted) {
        let kind = Kind::of(&event.kind);
        admitted.dropped.add(cause, kind, 1);
        if !self.missing.contains_key(&event.request_id) {
            if self.missing.len() >= MAX_REFUSED {
                return;
            }
            self.missing
                .insert(event.request_id.detached(), Missing::new());
        }
        if let Some(missing) = self.missing.get_mut(&event.request_id) {
            match missing
                .iter_mut()
                .find(|(c, k, _)| (*c, *k) == (cause, kind))
            {
                Some((_, _, count)) => *count += 1,
                None => missing.push((cause, kind, 1)),
            }
        }
    }

    /// Puts a note of what is missing of a run before the event that follows, or at its end.
    fn tell(
        &mut self,
        request_id: &Text,
        near: Option<&TraceEvent>,
        picked: &mut Picked,
        admitted: &mut Admitted,
    ) {
        let near = near.filter(|near| near.request_id == *request_id);
        let Some((near, missing)) = near.zip(self.missing.get(request_id)) else {
            return;
        };
        let note = note(near, missing);
        let bytes = cost(&note, picked.events.last());
        if self.fits_precious(picked.events.len() + 1, picked.bytes + bytes) {
            self.missing.remove(request_id);
            admitted.made += 1;
            picked.push(note, bytes);
        }
    }

    /// Makes room by dropping what has waited longest, but for ends and usage.
    fn give_way(&mut self, whole: &Waiting, admitted: &mut Admitted) {
        for index in 0..self.waiting.len() {
            if self.fits(whole.events(), whole.bytes) {
                return;
            }
            let Some(old) = self.waiting.get(index).cloned() else {
                return;
            };
            let kept = self.reduce(&old.batch, admitted);
            self.done(old.events(), old.bytes);
            admitted.given_way += (old.events() - kept.events()) as u64;
            self.events += kept.events();
            self.bytes += kept.bytes;
            self.waiting[index] = kept;
        }
    }

    /// What of a batch must stay when it gives way: ends and usage of what was handed on.
    fn reduce(&mut self, batch: &Batch, admitted: &mut Admitted) -> Waiting {
        sift(batch, |event| {
            let absent = is_absent(&mut self.evicted, event);
            if is_precious(event) && !absent {
                return true;
            }
            if is_opener(event) {
                self.evicted.insert(event.event_id.detached());
            }
            let cause = if absent {
                DropCause::Subtree
            } else {
                DropCause::QueueFull
            };
            self.miss(event, cause, admitted);
            false
        })
    }
}

/// A batch on its way to the exporter.
#[derive(Debug)]
pub(crate) struct Popped {
    /// As it waited.
    pub(crate) waiting: Waiting,
    /// What the exporter is handed: what belongs to an opener that gave way is left out.
    pub(crate) batch: Batch,
    pub(crate) dropped: Dropped,
}

fn is_opener(event: &TraceEvent) -> bool {
    matches!(event.kind, EventKind::OpStart | EventKind::GroupStart)
}

/// Whether what an event belongs to is one of some openers; its end takes it off their list.
fn is_absent(openers: &mut HashSet<Text>, event: &TraceEvent) -> bool {
    if openers.is_empty() {
        return false;
    }
    let view = event.view();
    let parent = match view {
        View::OpStart(view) => view.parent_id,
        View::GroupStart(view) => view.parent_id,
        _ => None,
    };
    let parent = parent.and_then(crate::json::RawJson::as_str);
    let Some(id) = view.opener_id().or(parent) else {
        return false;
    };
    if matches!(event.kind, EventKind::OpEnd | EventKind::GroupEnd) {
        return openers.remove(&*id);
    }
    openers.contains(&*id)
}

/// Keeps some events of a batch, and all ends of runs.
fn sift(batch: &Batch, mut keeps: impl FnMut(&TraceEvent) -> bool) -> Waiting {
    let mut picked = Picked::default();
    for (events, ended) in batch.stretches() {
        for event in events {
            if keeps(event) {
                let bytes = cost(event, picked.events.last());
                picked.push(event.clone(), bytes);
            }
        }
        if let Some(request_id) = ended {
            picked.ended.push(RunEnd {
                request_id: request_id.clone(),
                after: picked.events.len(),
            });
        }
    }
    picked.packed()
}

#[derive(Default)]
struct Picked {
    events: Vec<TraceEvent>,
    ended: Vec<RunEnd>,
    bytes: usize,
}

impl Picked {
    fn push(&mut self, event: TraceEvent, bytes: usize) {
        self.events.push(event);
        self.bytes += bytes;
    }

    /// Copies what was picked out of the chunks that it was picked of.
    fn packed(self) -> Waiting {
        Waiting {
            bytes: self.bytes + self.ended.iter().map(end_cost).sum::<usize>(),
            batch: Batch::new(
                TraceEvent::detached_together(self.events.iter()),
                self.ended,
            ),
        }
    }
}

/// The event that tells one exporter what of a run it misses.
///
/// It takes time and `seq` of an event beside it, from which its id is derived.
fn note(near: &TraceEvent, missing: &Missing) -> TraceEvent {
    let events: u64 = missing.iter().map(|(_, _, count)| count).sum();
    let mut payload = format!("{{\"key\":\"{LOST_KEY}\",\"value\":{{\"events\":{events}");
    for (cause, kind, count) in missing {
        payload.push(',');
        push_string(&mut payload, &format!("{cause}.{}", kind_name(*kind)));
        payload.push_str(&format!(":{count}"));
    }
    payload.push_str("}}");
    TraceEvent {
        event_id: Text::new(format!("{}-lost", near.event_id)),
        request_id: near.request_id.clone(),
        payload: Payload::found(&EventKind::Annotation, Text::new(payload)),
        kind: EventKind::Annotation,
        op_name: None,
        ctx: Ctx::default(),
        timestamp: near.timestamp,
        seq: near.seq,
        extra: None,
    }
}

#[cfg(test)]
mod tests;
