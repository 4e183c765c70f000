//! Events as they were recorded, until somebody looks at them.
//!
//! The worker gives a record its number, its time and what it belongs to, and leaves the rest as the
//! emitting thread wrote it. Ids, names and the payload's JSON are written when somebody looks at the
//! events: an exporter on its own thread, or the worker where a full queue takes only some of them. An
//! exporter that is stuck holds the smaller form.

mod render;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::shared::lock;
use crate::emit::record::{KINDS, Kind, held_by};
use crate::emit::render::push_integer;
use crate::event::{Ctx, TraceEvent};
use crate::export::{Paired, RunEnd};
use crate::text::Text;

/// Says that there is none: no place, no opener.
pub(super) const NONE: u32 = u32::MAX;
pub(super) const NO_SEQ: u64 = u64::MAX;
/// Bits of a stamp that say where in a sheet something stands.
const INDEX_BITS: u32 = 24;
/// How many of the places before it are looked at for the path of another one.
const RECENT_PLACES: usize = 16;

/// What begins the ids of a run's events: sixteen digits and a hyphen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdPrefix([u8; 17]);

impl IdPrefix {
    pub(super) fn new(number: u64) -> Self {
        let mut prefix = *b"0000000000000000-";
        for (index, digit) in prefix[..16].iter_mut().enumerate() {
            let nibble = (number >> (60 - 4 * index)) & 15;
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        Self(prefix)
    }

    pub(super) fn push(&self, out: &mut Vec<u8>, seq: u64) {
        out.extend_from_slice(&self.0);
        push_integer(out, seq);
    }

    pub(crate) fn id(&self, seq: u64) -> Text {
        let mut id = Vec::with_capacity(24);
        self.push(&mut id, seq);
        Text::from_utf8(id).unwrap_or_default()
    }
}

/// An op's or a group's name, and the path that it runs in.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) name: Text,
    pub(super) ctx: Ctx,
    pub(super) is_group: bool,
    /// Where it stands in which sheet; only the worker reads and writes it.
    stamp: AtomicU64,
}

impl Place {
    pub(super) fn new(name: Text, ctx: Ctx, is_group: bool) -> Self {
        Self {
            name,
            ctx,
            is_group,
            stamp: AtomicU64::new(0),
        }
    }
}

/// Where the names and the payload of a record are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    /// In the sheet's bytes.
    Bytes { start: u32, len: u32 },
    /// Among what did not fit the cells.
    Large(u32),
    /// It is no record: an event that was made, or came as one.
    Event(u32),
}

/// One record, numbered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) nanos: i64,
    pub(super) seq: u64,
    /// The number of the opener that it belongs to, or that an opener was opened in.
    pub(super) owner: u64,
    /// When what it ends began.
    pub(super) began: i64,
    /// A yield's index, or an end's number of yields.
    pub(super) extra: u64,
    pub(super) content: Content,
    pub(super) run: u32,
    pub(super) place: u32,
    pub(super) kind: Kind,
    pub(super) status: u8,
}

/// A run that has records in a sheet.
#[derive(Debug)]
struct SheetRun {
    request_id: Text,
    ids: IdPrefix,
    /// How many records come before its first one.
    first: usize,
}

/// The records of one batch.
#[derive(Debug)]
pub(crate) struct Recorded {
    number: u64,
    max_payload: usize,
    pub(super) bytes: Vec<u8>,
    entries: Vec<Entry>,
    runs: Vec<SheetRun>,
    places: Vec<Arc<Place>>,
    large: Vec<Box<[u8]>>,
    made: Vec<TraceEvent>,
    paired: Vec<Paired>,
    ended: Vec<RunEnd>,
    /// Bytes of what stands in `large` and `made`.
    outside: usize,
    /// Bytes of ids, names and paths: each once, though other sheets may share them.
    names: usize,
    /// The events, while an exporter has them. A list of its own, since what is merely referred to
    /// keeps its place in memory.
    rendered: Mutex<Weak<Vec<TraceEvent>>>,
    spare: Arc<Spare>,
}

/// Memory of sheets that are done with, for those to come: what the allocator is given back in
/// pieces of this size it gives to the system, and has to fetch anew.
#[derive(Debug, Default)]
struct Spare(Mutex<Vec<(Vec<u8>, Vec<Entry>)>>);

/// Sheets whose memory is kept.
const MAX_SPARE: usize = 4;
/// Bytes of a sheet's memory that are worth keeping; more came with an unusual payload.
const MAX_SPARE_BYTES: usize = 256 << 10;

impl Drop for Recorded {
    fn drop(&mut self) {
        if self.bytes.capacity() > MAX_SPARE_BYTES {
            return;
        }
        let mut spare = lock(&self.spare.0);
        if spare.len() < MAX_SPARE {
            self.bytes.clear();
            self.entries.clear();
            spare.push((
                std::mem::take(&mut self.bytes),
                std::mem::take(&mut self.entries),
            ));
        }
    }
}

impl Recorded {
    /// Begins the first sheet.
    pub(super) fn new(max_payload: usize) -> Self {
        Self::begin(1, max_payload, Arc::default())
    }

    /// Begins a sheet; no two have the same number.
    fn begin(number: u64, max_payload: usize, spare: Arc<Spare>) -> Self {
        let (bytes, entries) = lock(&spare.0).pop().unwrap_or_default();
        Self {
            number,
            max_payload,
            bytes,
            entries,
            runs: Vec::new(),
            places: Vec::new(),
            large: Vec::new(),
            made: Vec::new(),
            paired: Vec::new(),
            ended: Vec::new(),
            outside: 0,
            names: 0,
            rendered: Mutex::new(Weak::new()),
            spare,
        }
    }

    /// Takes what was recorded, and begins the next sheet.
    pub(super) fn take(&mut self) -> Self {
        let spare = Arc::clone(&self.spare);
        let next = Self::begin(self.number + 1, self.max_payload, spare);
        std::mem::replace(self, next)
    }

    /// The sheet's own number, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.ended.is_empty()
    }

    pub(super) fn take_ended(&mut self) -> Vec<RunEnd> {
        std::mem::take(&mut self.ended)
    }

    /// Bytes of payloads and names that wait here.
    pub(super) fn buffered(&self) -> usize {
        self.bytes.len() + self.outside + self.names
    }

    /// Bytes of memory that it takes while nobody looks at the events.
    pub(crate) fn size(&self) -> usize {
        let entries = self.entries.capacity() * size_of::<Entry>();
        size_of::<Self>() + self.bytes.capacity() + entries + self.outside + self.names
    }

    /// The kinds of the events, as they are counted.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().map(|entry| match entry.content {
            Content::Event(index) => self
                .made
                .get(index as usize)
                .map_or(KINDS - 1, |event| Kind::of(&event.kind)),
            _ => entry.kind as usize,
        })
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Adds an event that is one already.
    pub(super) fn push_event(&mut self, event: TraceEvent) {
        self.outside += held_by(&event);
        let content = Content::Event(self.made.len() as u32);
        self.made.push(event);
        self.entries.push(Entry {
            nanos: 0,
            seq: 0,
            owner: NO_SEQ,
            began: 0,
            extra: 0,
            content,
            run: NONE,
            place: NONE,
            kind: Kind::Raw,
            status: 0,
        });
    }

    /// Adds an end that is an event already and names no opener, but was found to end one.
    pub(super) fn push_paired(&mut self, event: TraceEvent, opener_id: Text) {
        self.names += size_of::<Paired>() + opener_id.size();
        self.paired.push(Paired {
            index: self.entries.len(),
            opener_id,
        });
        self.push_event(event);
    }

    /// The ends that name no opener, in their order.
    pub(crate) fn paired(&self) -> &[Paired] {
        &self.paired
    }

    /// The runs that have records here, and how many records come before the first of each; a run that
    /// has events of its own making may come more than once.
    pub(crate) fn runs(&self) -> Vec<(usize, &Text)> {
        let recorded = self.runs.iter().map(|run| (run.first, &run.request_id));
        let mut runs: Vec<_> = recorded.collect();
        if self.made.is_empty() {
            return runs;
        }
        for (at, entry) in self.entries.iter().enumerate() {
            if let Content::Event(index) = entry.content
                && let Some(event) = self.made.get(index as usize)
            {
                runs.push((at, &event.request_id));
            }
        }
        runs.sort_by_key(|(first, _)| *first);
        runs
    }

    /// Says that a run is over after what was added so far.
    pub(super) fn end_run(&mut self, request_id: Text) {
        self.ended.push(RunEnd {
            request_id,
            after: self.entries.len(),
        });
    }

    pub(super) fn push_large(&mut self, bytes: Box<[u8]>) -> Content {
        self.outside += bytes.len();
        self.large.push(bytes);
        Content::Large(self.large.len() as u32 - 1)
    }

    /// Takes out again what was put in last.
    pub(super) fn take_back(&mut self, content: Content) {
        match content {
            Content::Bytes { start, .. } => self.bytes.truncate(start as usize),
            Content::Large(_) => {
                let large = self.large.pop();
                self.outside -= large.map_or(0, |bytes| bytes.len());
            }
            Content::Event(_) => {}
        }
    }

    pub(super) fn content(&self, content: Content) -> &[u8] {
        let bytes = match content {
            Content::Bytes { start, len } => {
                let start = start as usize;
                self.bytes.get(start..start + len as usize)
            }
            Content::Large(index) => self.large.get(index as usize).map(|bytes| &**bytes),
            Content::Event(_) => None,
        };
        bytes.unwrap_or_default()
    }

    /// Returns a run's place in the sheet; `stamp` is kept with the run.
    pub(super) fn run(&mut self, request_id: &Text, ids: IdPrefix, stamp: &mut (u64, u32)) -> u32 {
        if stamp.0 != self.number {
            *stamp = (self.number, self.runs.len() as u32);
            self.names += size_of::<SheetRun>() + request_id.size();
            self.runs.push(SheetRun {
                request_id: request_id.clone(),
                ids,
                first: self.entries.len(),
            });
        }
        stamp.1
    }

    /// Returns where an op's or a group's name stands in the sheet.
    pub(super) fn place(&mut self, place: &Arc<Place>) -> u32 {
        let stamp = place.stamp.load(Ordering::Relaxed);
        if stamp >> INDEX_BITS == self.number {
            return (stamp & ((1 << INDEX_BITS) - 1)) as u32;
        }
        let index = self.places.len();
        let ctx = &place.ctx;
        let known = self.places.iter().rev().take(RECENT_PLACES);
        let is_known = known
            .into_iter()
            .any(|place| place.ctx.same_allocation(ctx));
        let path = if is_known { 0 } else { ctx.held() };
        self.names += size_of::<Arc<Place>>() + place.name.size() + path;
        self.places.push(Arc::clone(place));
        if index < 1 << INDEX_BITS {
            let stamp = (self.number << INDEX_BITS) | index as u64;
            place.stamp.store(stamp, Ordering::Relaxed);
        }
        index as u32
    }

    /// Returns the events. They are written once for all that look at them at the same time.
    pub(crate) fn events(&self) -> Arc<Vec<TraceEvent>> {
        let mut rendered = lock(&self.rendered);
        if let Some(events) = rendered.upgrade() {
            return events;
        }
        let events = Arc::new(self.render());
        *rendered = Arc::downgrade(&events);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, Payload};
    use crate::export::Batch;
    use crate::time::Timestamp;

    #[test]
    fn a_batch_that_waits_holds_nothing_of_what_another_one_wrote() {
        let mut sheet = Recorded::new(1 << 20);
        sheet.push_event(TraceEvent {
            event_id: Text::from("e"),
            request_id: Text::from("r"),
            kind: EventKind::Annotation,
            op_name: None,
            ctx: Ctx::default(),
            timestamp: Timestamp::from_parts(0, 0),
            seq: 0,
            payload: Payload::empty(),
            extra: None,
        });
        let read = Batch::recorded(sheet.take(), Vec::new());
        assert_eq!(read.events().len(), 1);
        let waits = read.clone();
        let recorded = |batch: &Batch| {
            batch
                .as_recorded()
                .map(|all| lock(&all.rendered).strong_count())
        };
        assert_eq!(recorded(&waits), Some(1));
        drop(read);
        assert_eq!(recorded(&waits), Some(0));
        assert_eq!(waits.events().len(), 1);
    }
}
