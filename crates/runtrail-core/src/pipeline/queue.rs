//! What an exporter's queue lets in, as a decision without a thread.
//!
//! A full queue loses whole subtrees, not ends: an opener that finds no room takes with it all that
//! belongs to it, and the end of one that was let in has room in the reserve. When there is room
//! again, the run's stream says how much is missing. Of a run of which nothing was let in, nothing is told.

mod absent;
mod held;
mod missing;
mod picked;

use std::collections::{HashMap, HashSet, VecDeque};

use absent::Absent;
use held::{Held, cost, end_cost, pair_cost};
use missing::{Missing, Near};
use picked::Picked;

use super::cause::{DropCause, Dropped};
use crate::emit::record::{Kind, is_precious};
use crate::event::TraceEvent;
use crate::export::{Batch, RunStep};
use crate::text::Text;

/// The part of a queue, in eighths, that ordinary events leave to ends and usage.
const RESERVE_EIGHTHS: usize = 1;
/// Runs whose losses are remembered for a note; what others lose is only counted.
const MAX_MISSING: usize = 1 << 16;
/// Runs that an exporter is known to know of. The ends of others find room or are lost.
const MAX_KNOWN: usize = 1 << 20;

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
        let paired: usize = batch.paired().iter().map(pair_cost).sum();
        let beside = ends + paired;
        // What an exporter makes of recorded events it makes for itself, batch by batch.
        if let Some(recorded) = batch.as_recorded() {
            let bytes = recorded.size() + ends;
            return Self { batch, bytes };
        }
        let held = Held::of(batch.events());
        if !held.is_loose() {
            let bytes = held.kept.max(held.packed) + beside;
            return Self { batch, bytes };
        }
        let events = TraceEvent::detached_together(batch.events().iter());
        Self {
            batch: Batch::new(events, batch.ended()).with_paired(batch.paired().to_vec()),
            bytes: held.packed + beside,
        }
    }

    pub(crate) fn events(&self) -> usize {
        self.batch.len()
    }
}

/// What one exporter's queue holds, and what it lets in.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    events: usize,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
    drops_oldest: bool,
    /// Runs that have not ended, and of which something was let in.
    known: HashSet<Text>,
    /// Runs of which the exporter was handed something and not their end; kept where the oldest give way.
    handed: HashSet<Text>,
    /// Openers that were not let in.
    refused: Absent,
    /// Openers that gave way while what belongs to them may be waiting still.
    evicted: Absent,
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
            known: HashSet::new(),
            handed: HashSet::new(),
            refused: Absent::default(),
            evicted: Absent::default(),
            missing: HashMap::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the batch that has waited longest. Its room is free once [`Queue::done`] says so.
    pub(crate) fn pop(&mut self) -> Option<Popped> {
        let waiting = self.waiting.pop_front()?;
        if self.drops_oldest {
            follow(&mut self.handed, &waiting.batch.runs());
        }
        let mut popped = Popped {
            batch: waiting.batch.clone(),
            waiting,
            made: 0,
            dropped: Dropped::default(),
        };
        let ended = popped.batch.ended();
        if !self.evicted.is_empty() || ended.iter().any(|end| self.is_untold(&end.request_id)) {
            self.leave_out_evicted(&mut popped);
        }
        Some(popped)
    }

    /// Whether something is missing of a run whose end has been let in: its events gave way after that.
    fn is_untold(&self, request_id: &Text) -> bool {
        self.missing.contains_key(request_id) && !self.known.contains(request_id)
    }

    fn leave_out_evicted(&mut self, popped: &mut Popped) {
        let mut left = Picked::default();
        let batch = &popped.waiting.batch;
        let mut index = 0;
        for (events, ended) in batch.stretches() {
            for event in events {
                let paired = batch.opener_of(index);
                index += 1;
                if self.evicted.has_owner_of(event, paired) {
                    self.evicted.add(event);
                    self.remember(event, DropCause::Subtree);
                    popped.dropped.event(DropCause::Subtree, event);
                } else {
                    left.push(event.clone(), paired);
                }
            }
            let Some(request_id) = ended else { continue };
            self.evicted.forget(request_id);
            if self.is_untold(request_id)
                && let Some(missing) = self.missing.remove(request_id)
            {
                left.push(missing.note(request_id, &missing.last), None);
                popped.made += 1;
            }
            left.end(request_id);
        }
        popped.batch = left.into_batch();
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
        if self.fits(whole.events(), whole.bytes) {
            let runs = whole.batch.runs();
            if !self.misses_some_of(&runs) {
                follow(&mut self.known, &runs);
                self.take(whole.clone(), &mut admitted);
                return admitted;
            }
        }
        let part = self.part(&whole.batch, &mut admitted);
        if !part.is_empty() {
            self.take(part.packed(), &mut admitted);
        }
        admitted
    }

    /// Whether something is missing of one of these runs, which is to be told, or takes more with it.
    fn misses_some_of(&self, runs: &[RunStep<'_>]) -> bool {
        if self.refused.is_empty() && self.missing.is_empty() {
            return false;
        }
        runs.iter().any(|step| {
            let (RunStep::Events(id) | RunStep::End(id)) = step;
            self.missing.contains_key(*id) || self.refused.has_some_of(id)
        })
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
        self.has_room(usable, events, bytes)
    }

    /// Whether notes have: they leave half of the reserve to what cannot be told otherwise.
    fn fits_note(&self, events: usize, bytes: usize) -> bool {
        let usable = |limit: usize| limit - limit / 16 * RESERVE_EIGHTHS;
        self.has_room(usable, events, bytes)
    }

    fn fits_precious(&self, events: usize, bytes: usize) -> bool {
        self.has_room(|limit| limit, events, bytes)
    }

    fn has_room(&self, usable: impl Fn(usize) -> usize, events: usize, bytes: usize) -> bool {
        self.events + events <= usable(self.max_events)
            && self.bytes + bytes <= usable(self.max_bytes)
    }

    /// Picks what there is room for out of a batch.
    fn part(&mut self, batch: &Batch, admitted: &mut Admitted) -> Picked {
        let mut picked = Picked::default();
        let mut index = 0;
        for (events, ended) in batch.stretches() {
            for event in events {
                self.pick(event, batch.opener_of(index), &mut picked, admitted);
                index += 1;
            }
            if let Some(request_id) = ended {
                self.end_run(request_id, &mut picked, admitted);
            }
        }
        picked
    }

    fn pick(
        &mut self,
        event: &TraceEvent,
        paired: Option<&Text>,
        picked: &mut Picked,
        admitted: &mut Admitted,
    ) {
        let bytes = picked.bytes + cost(event, picked.events.last());
        let events = picked.events.len() + 1;
        let absent = self.refused.has_owner_of(event, paired);
        let precious = is_precious(event);
        let has_room = if precious {
            self.fits_precious(events, bytes)
        } else {
            self.fits(events, bytes)
        };
        if absent || !has_room {
            self.refused.add(event);
            let absent = absent || self.evicted.lacks_owner_of(event, paired);
            self.miss(event, cause(absent), admitted);
            return;
        }
        match self.missing.get_mut(&event.request_id) {
            Some(missing) if precious => missing.last = Near::of(event),
            Some(_) => self.tell(&event.request_id, Some(event), picked, admitted),
            None => {}
        }
        know(&mut self.known, &event.request_id);
        picked.push(event.clone(), paired);
    }

    /// Ends a run, for an exporter that knows of it: the ends wait beyond the limits, which are no more
    /// than there were runs.
    fn end_run(&mut self, request_id: &Text, picked: &mut Picked, admitted: &mut Admitted) {
        self.tell(request_id, None, picked, admitted);
        self.missing.remove(request_id);
        self.refused.forget(request_id);
        let is_crowded = self.known.len() >= MAX_KNOWN;
        let is_known = self.known.remove(request_id);
        if is_known || is_crowded && self.fits_precious(picked.events.len(), picked.bytes) {
            picked.end(request_id);
        }
    }

    /// Counts an event that is not handed on, and remembers it for the note.
    fn miss(&mut self, event: &TraceEvent, cause: DropCause, admitted: &mut Admitted) {
        admitted.dropped.event(cause, event);
        self.remember(event, cause);
    }

    fn remember(&mut self, event: &TraceEvent, cause: DropCause) {
        let kind = Kind::of(&event.kind);
        if let Some(missing) = self.missing.get_mut(&event.request_id) {
            missing.last = Near::of(event);
            missing.add(cause, kind);
        } else if self.missing.len() < MAX_MISSING {
            let mut missing = Missing::new(Near::of(event));
            missing.add(cause, kind);
            self.missing.insert(event.request_id.detached(), missing);
        }
    }

    /// Puts a note of what is missing of a run before the event that follows, or at its end.
    fn tell(
        &mut self,
        request_id: &Text,
        next: Option<&TraceEvent>,
        picked: &mut Picked,
        admitted: &mut Admitted,
    ) {
        let Some(missing) = self.missing.get(request_id) else {
            return;
        };
        let note = match next.map(Near::of) {
            Some(near) => missing.note(request_id, &near),
            None => missing.note(request_id, &missing.last),
        };
        let bytes = picked.bytes + cost(&note, picked.events.last());
        if self.fits_note(picked.events.len() + 1, bytes) {
            self.missing.remove(request_id);
            know(&mut self.known, request_id);
            admitted.made += 1;
            picked.push(note, None);
        }
    }

    /// Makes room by dropping what has waited longest, but for ends and usage.
    fn give_way(&mut self, whole: &Waiting, admitted: &mut Admitted) {
        let mut passed = Passed::default();
        let mut index = 0;
        while !self.fits(whole.events(), whole.bytes) {
            let Some(old) = self.waiting.get(index).cloned() else {
                return;
            };
            let kept = self.reduce(&old.batch, &mut passed, admitted);
            let gave_way = old.events() - kept.events.len();
            if gave_way == 0 && kept.ended.len() == old.batch.ended().len() {
                index += 1;
                continue;
            }
            admitted.given_way += gave_way as u64;
            self.done(old.events(), old.bytes);
            if kept.is_empty() {
                self.waiting.remove(index);
                continue;
            }
            let kept = kept.packed();
            self.events += kept.events();
            self.bytes += kept.bytes;
            self.waiting[index] = kept;
            index += 1;
        }
    }

    /// What of a batch must stay when it gives way: ends and usage of what was handed on, and the ends of
    /// the runs of which the exporter has something or gets it.
    fn reduce(&mut self, batch: &Batch, passed: &mut Passed, admitted: &mut Admitted) -> Picked {
        let mut kept = Picked::default();
        let mut index = 0;
        for (events, ended) in batch.stretches() {
            for event in events {
                let paired = batch.opener_of(index);
                index += 1;
                let absent = self.evicted.has_owner_of(event, paired);
                if is_precious(event) && !absent {
                    know(&mut passed.kept, &event.request_id);
                    kept.push(event.clone(), paired);
                } else {
                    self.evicted.add(event);
                    self.miss(event, cause(absent), admitted);
                }
            }
            if let Some(request_id) = ended {
                self.evicted.forget(request_id);
                let is_handed = self.handed.contains(request_id);
                let is_first = passed.ended.insert(request_id.clone());
                if passed.kept.remove(request_id) || is_handed && is_first {
                    kept.end(request_id);
                } else if self.is_untold(request_id) {
                    self.missing.remove(request_id);
                }
            }
        }
        kept
    }
}

/// What was seen of the batches that gave way.
#[derive(Default)]
struct Passed {
    /// Runs of which something stayed, up to their end.
    kept: HashSet<Text>,
    ended: HashSet<Text>,
}

/// A batch on its way to the exporter.
#[derive(Debug)]
pub(crate) struct Popped {
    /// As it waited.
    pub(crate) waiting: Waiting,
    /// What the exporter is handed: what belongs to an opener that gave way is left out.
    pub(crate) batch: Batch,
    /// Notes that were made for it.
    pub(crate) made: u64,
    pub(crate) dropped: Dropped,
}

fn cause(absent: bool) -> DropCause {
    if absent {
        DropCause::Subtree
    } else {
        DropCause::QueueFull
    }
}

fn know(runs: &mut HashSet<Text>, request_id: &Text) {
    if !runs.contains(request_id) && runs.len() < MAX_KNOWN {
        runs.insert(request_id.detached());
    }
}

/// Keeps the runs of which something went by, up to their end.
fn follow(runs: &mut HashSet<Text>, steps: &[RunStep<'_>]) {
    for step in steps {
        match step {
            RunStep::Events(request_id) => know(runs, request_id),
            RunStep::End(request_id) => {
                runs.remove(*request_id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
