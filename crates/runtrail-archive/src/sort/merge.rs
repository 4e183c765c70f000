//! Merging sorted streams of events.

use std::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashMap};
use std::io;

use runtrail_core::event::TraceEvent;

use super::spill::SpillCursor;
use super::{RunOrder, Start};

/// A sorted stream.
pub(super) enum Cursor {
    Spill(SpillCursor),
    Memory(MemoryCursor),
}

impl Cursor {
    pub(super) fn next_event(&mut self) -> io::Result<Option<TraceEvent>> {
        match self {
            Self::Spill(cursor) => cursor.next_event(),
            Self::Memory(cursor) => Ok(cursor.take_next()),
        }
    }
}

/// Collected events, handed out in order.
pub(super) struct MemoryCursor {
    segments: Vec<Vec<TraceEvent>>,
    order: std::vec::IntoIter<Place>,
}

/// Where an event is, with what decides nearly every comparison without touching the event.
#[derive(Clone, Copy)]
struct Place {
    /// First the run's number in order of appearance, later its rank among the runs.
    run: u32,
    segment: u32,
    index: u32,
    micros: i64,
}

impl MemoryCursor {
    pub(super) fn sort(segments: Vec<Vec<TraceEvent>>, runs: &RunOrder) -> Self {
        let (mut order, ranks) = places(&segments, runs);
        for place in &mut order {
            place.run = ranks[place.run as usize];
        }
        let event = |place: &Place| &segments[place.segment as usize][place.index as usize];
        order.sort_unstable_by(|a, b| {
            a.run
                .cmp(&b.run)
                .then(a.micros.cmp(&b.micros))
                .then_with(|| event(a).cmp(event(b)))
        });
        Self {
            segments,
            order: order.into_iter(),
        }
    }

    fn take_next(&mut self) -> Option<TraceEvent> {
        let place = self.order.next()?;
        Some(self.segments[place.segment as usize][place.index as usize].clone())
    }

    /// Looks at the events in order, without taking them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &TraceEvent> {
        self.order
            .as_slice()
            .iter()
            .map(|place| &self.segments[place.segment as usize][place.index as usize])
    }
}

/// Notes where every event is, and ranks the runs: a run is then compared once
/// for each pair of runs that meet, not for each pair of events.
fn places(segments: &[Vec<TraceEvent>], runs_by: &RunOrder) -> (Vec<Place>, Vec<u32>) {
    let mut order = Vec::with_capacity(segments.iter().map(Vec::len).sum());
    let mut runs: HashMap<&str, u32, foldhash::fast::RandomState> = HashMap::default();
    for (segment, events) in segments.iter().enumerate() {
        for (index, event) in events.iter().enumerate() {
            let next = runs.len() as u32;
            let run = *runs.entry(&event.request_id).or_insert(next);
            let micros = event.timestamp.micros();
            order.push(Place {
                run,
                segment: segment as u32,
                index: index as u32,
                micros,
            });
        }
    }
    let mut ordered: Vec<_> = runs
        .into_iter()
        .map(|(request_id, run)| (runs_by.start_of(request_id), request_id, run))
        .collect();
    ordered.sort_unstable();
    let mut ranks = vec![0; ordered.len()];
    for (rank, (_, _, run)) in ordered.into_iter().enumerate() {
        ranks[run as usize] = rank as u32;
    }
    (order, ranks)
}

/// The first eight bytes as a number that orders as they do; shorter ids are padded with zeros.
fn prefix(id: &str) -> u64 {
    let mut bytes = [0; 8];
    let len = id.len().min(8);
    bytes[..len].copy_from_slice(&id.as_bytes()[..len]);
    u64::from_be_bytes(bytes)
}

struct Head {
    start: Option<Start>,
    prefix: u64,
    event: TraceEvent,
    cursor: usize,
}

impl Head {
    fn first(event: TraceEvent, cursor: usize, order: &RunOrder) -> Self {
        Self {
            start: order.start_of(&event.request_id),
            prefix: prefix(&event.request_id),
            event,
            cursor,
        }
    }

    /// The head that follows this one in its cursor, where most events are of the same run.
    fn next(&self, event: TraceEvent, order: &RunOrder) -> Self {
        if event.request_id == self.event.request_id {
            Self { event, ..*self }
        } else {
            Self::first(event, self.cursor, order)
        }
    }
}

impl Ord for Head {
    /// Reversed, since the heap hands out the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .start
            .cmp(&self.start)
            .then_with(|| other.prefix.cmp(&self.prefix))
            .then_with(|| other.event.cmp(&self.event))
            .then_with(|| other.cursor.cmp(&self.cursor))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// One sorted stream of several.
pub(super) struct Merge {
    cursors: Vec<Cursor>,
    heads: BinaryHeap<Head>,
    order: RunOrder,
    started: bool,
}

impl Merge {
    pub(super) fn new(cursors: Vec<Cursor>, order: RunOrder) -> Self {
        Self {
            cursors,
            heads: BinaryHeap::new(),
            order,
            started: false,
        }
    }

    pub(super) fn next_event(&mut self) -> io::Result<Option<TraceEvent>> {
        if let [only] = &mut self.cursors[..] {
            return only.next_event();
        }
        if !std::mem::replace(&mut self.started, true) {
            for (index, cursor) in self.cursors.iter_mut().enumerate() {
                self.heads.extend(
                    cursor
                        .next_event()?
                        .map(|event| Head::first(event, index, &self.order)),
                );
            }
        }
        let Some(mut head) = self.heads.peek_mut() else {
            return Ok(None);
        };
        let cursor = head.cursor;
        match self.cursors[cursor].next_event()? {
            // Replacing the top costs one sift, popping and pushing two.
            Some(next) => {
                let next = head.next(next, &self.order);
                Ok(Some(std::mem::replace(&mut *head, next).event))
            }
            None => Ok(Some(PeekMut::pop(head).event)),
        }
    }
}
