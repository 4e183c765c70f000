//! Merging sorted streams of events.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;

use runtrail_core::event::TraceEvent;

use super::spill::SpillCursor;

/// A sorted stream.
pub(super) enum Cursor {
    Spill(SpillCursor),
    Memory(MemoryCursor),
}

impl Cursor {
    pub(super) fn memory(segments: Vec<Vec<TraceEvent>>) -> Self {
        Self::Memory(MemoryCursor::sort(segments))
    }

    pub(super) fn next_event(&mut self) -> io::Result<Option<TraceEvent>> {
        match self {
            Self::Spill(cursor) => cursor.next_event(),
            Self::Memory(cursor) => Ok(cursor.next()),
        }
    }
}

/// Collected events, handed out in order.
pub(super) struct MemoryCursor {
    segments: Vec<Vec<TraceEvent>>,
    order: std::vec::IntoIter<Place>,
}

/// Where an event is, with the first bytes of its run's id, which decide most comparisons without
/// touching the event.
#[derive(Clone, Copy)]
struct Place {
    prefix: u64,
    segment: u32,
    index: u32,
}

impl MemoryCursor {
    fn sort(segments: Vec<Vec<TraceEvent>>) -> Self {
        let mut order = Vec::with_capacity(segments.iter().map(Vec::len).sum());
        for (segment, events) in segments.iter().enumerate() {
            for (index, event) in events.iter().enumerate() {
                order.push(Place { prefix: prefix(&event.request_id), segment: segment as u32, index: index as u32 });
            }
        }
        let event = |place: &Place| &segments[place.segment as usize][place.index as usize];
        order.sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| event(a).cmp(event(b))));
        Self { segments, order: order.into_iter() }
    }

    fn next(&mut self) -> Option<TraceEvent> {
        let place = self.order.next()?;
        Some(self.segments[place.segment as usize][place.index as usize].clone())
    }
}

/// The first eight bytes as a number that orders as they do; shorter ids are padded with zeros.
fn prefix(id: &str) -> u64 {
    let mut bytes = [0; 8];
    let len = id.len().min(8);
    bytes[..len].copy_from_slice(&id.as_bytes()[..len]);
    u64::from_be_bytes(bytes)
}

struct Head {
    event: TraceEvent,
    cursor: usize,
}

impl Ord for Head {
    /// Reversed, since the heap hands out the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.event.cmp(&self.event).then_with(|| other.cursor.cmp(&self.cursor))
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
    started: bool,
}

impl Merge {
    pub(super) fn new(cursors: Vec<Cursor>) -> Self {
        Self { cursors, heads: BinaryHeap::new(), started: false }
    }

    pub(super) fn next_event(&mut self) -> io::Result<Option<TraceEvent>> {
        if let [only] = &mut self.cursors[..] {
            return only.next_event();
        }
        if !std::mem::replace(&mut self.started, true) {
            for (index, cursor) in self.cursors.iter_mut().enumerate() {
                self.heads.extend(cursor.next_event()?.map(|event| Head { event, cursor: index }));
            }
        }
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        match self.cursors[head.cursor].next_event()? {
            // Replacing the top costs one sift, popping and pushing two.
            Some(next) => Ok(Some(std::mem::replace(&mut head.event, next))),
            None => Ok(Some(PeekMut::pop(head).event)),
        }
    }
}
