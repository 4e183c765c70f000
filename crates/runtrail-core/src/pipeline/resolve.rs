//! Records into events: the run's `seq`, times, ids, names, and the payload's text.
//!
//! Records come in the order of their times over all rings. Their texts are written into one
//! buffer, which becomes the chunk that a whole batch of events shares.

mod run;
mod shares;

use std::ops::Range;

use run::{Open, RunState};
use shares::Shares;

use super::books::Loss;
use super::cause::{DropCause, Dropped, LOST_KEY, kind_name};
use super::clock::{Timeline, timestamp};
use super::payload::{Object, push_millis};
use crate::emit::record::{Kind, Record, end};
use crate::emit::render::{Compact, push_integer, push_quoted};
use crate::event::{Ctx, EventKind, Payload, Slots, TraceEvent};
use crate::text::Text;

/// Maps of foreign keys: seeded at random, and several times as fast as the default.
pub(super) type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// Op names that are kept to be shared; engines have some hundreds.
const MAX_NAMES: usize = 16_384;
const MAX_KEPT_NAME: usize = 256;

/// The number that handles of runs beyond the limit have.
const OVER_LIMIT: usize = usize::MAX;

/// What records turn into, in order.
#[derive(Debug)]
pub(crate) enum Item {
    Event(TraceEvent),
    /// Everything of a run has come.
    RunEnded(RunEnded),
}

/// A run that is over, and what the ends of what is still open in it need.
#[derive(Debug)]
pub(crate) struct RunEnded {
    pub(crate) request_id: Text,
    pub(crate) ids: IdPrefix,
    pub(crate) next_seq: u64,
    pub(crate) nanos: i64,
}

/// An event whose texts still stand in the buffer.
struct Pending {
    request_id: Range<usize>,
    kind: EventKind,
    op_name: Option<Range<usize>>,
    ctx: Ctx,
    nanos: i64,
    seq: u64,
    id: Range<usize>,
    payload: Range<usize>,
    slots: Slots,
}

enum Step {
    Pending(Pending),
    Ready(Item),
}

/// What begins the ids of a run's events: sixteen digits and a hyphen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdPrefix([u8; 17]);

impl IdPrefix {
    fn new(number: u64) -> Self {
        let mut prefix = *b"0000000000000000-";
        for (index, digit) in prefix[..16].iter_mut().enumerate() {
            let nibble = (number >> (60 - 4 * index)) & 15;
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        Self(prefix)
    }

    fn push(&self, out: &mut Vec<u8>, seq: u64) {
        out.extend_from_slice(&self.0);
        push_integer(out, seq);
    }

    pub(crate) fn id(&self, seq: u64) -> Text {
        let mut id = Vec::with_capacity(24);
        self.push(&mut id, seq);
        Text::from_utf8(id).unwrap_or_default()
    }
}

/// What a resolver may hold at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) open: usize,
    pub(crate) runs: usize,
    pub(crate) payload_bytes: usize,
}

/// Turns records into events.
pub(crate) struct Resolver {
    emitter: u64,
    limits: Limits,
    line: Timeline,
    /// Runs by a number of their own; a run that was begun by several handles is one.
    runs: Map<usize, RunState>,
    handles: Map<u64, usize>,
    last: Option<(u64, usize)>,
    by_id: Map<Text, usize>,
    next: usize,
    names: Map<Vec<u8>, Text>,
    no_ctx: Ctx,
    shares: Shares,
    buffer: Vec<u8>,
    steps: Vec<Step>,
    pub(crate) dropped: Dropped,
    pub(crate) late: u64,
    pub(crate) made: u64,
    pub(crate) ended: u64,
}

impl Resolver {
    pub(crate) fn new(emitter: u64, limits: Limits, line: Timeline) -> Self {
        Self {
            emitter,
            limits,
            line,
            runs: Map::default(),
            handles: Map::default(),
            last: None,
            by_id: Map::default(),
            next: 0,
            names: Map::default(),
            no_ctx: Ctx::default(),
            shares: Shares::default(),
            buffer: Vec::new(),
            steps: Vec::new(),
            dropped: Dropped::default(),
            late: 0,
            made: 0,
            ended: 0,
        }
    }

    pub(crate) fn line_mut(&mut self) -> &mut Timeline {
        &mut self.line
    }

    pub(crate) fn open_runs(&self) -> usize {
        self.runs.len()
    }

    /// Bytes of text that wait to be taken.
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Takes the next record. One that is shed goes no further unless losing it would tear a
    /// subtree.
    pub(crate) fn push(&mut self, record: Record, shed: bool) {
        match record.kind {
            Kind::RunStart => return self.begin_run(&record),
            Kind::RunEnd => return self.end_handle(record.run, record.ticks),
            Kind::Raw => return self.push_raw(record, shed),
            _ => {}
        }
        let counted = usize::from(record.counted);
        let Some(number) = self.number_of(record.run) else {
            return self.dropped.add(DropCause::Closed, counted, 1);
        };
        if shed && !record.is_precious() {
            self.dropped.add(DropCause::RingFull, counted, 1);
            self.note(number, DropCause::RingFull, counted, 1);
            return;
        }
        let Some(run) = self.runs.get_mut(&number) else {
            return self.dropped.add(DropCause::OpenLimit, counted, 1);
        };
        if run.has_notes() {
            self.made += run.tell(
                &mut self.buffer,
                &mut self.steps,
                &mut self.shares,
                &self.no_ctx,
            );
        }
        let mut maker = Maker {
            shares: &mut self.shares,
            run,
            line: &self.line,
            names: &mut self.names,
            no_ctx: &self.no_ctx,
            limits: &self.limits,
            buffer: &mut self.buffer,
        };
        match maker.make(record) {
            Ok((pending, late)) => {
                self.late += u64::from(late);
                self.steps.push(Step::Pending(pending));
            }
            Err(cause) => self.dropped.add(cause, counted, 1),
        }
    }

    /// The run of a handle. Most records are of the run of the one before them.
    fn number_of(&mut self, handle: u64) -> Option<usize> {
        if let Some((last, number)) = self.last
            && last == handle
        {
            return Some(number);
        }
        let number = *self.handles.get(&handle)?;
        self.last = Some((handle, number));
        Some(number)
    }

    /// Takes note of events that were lost before they came here.
    pub(crate) fn lost(&mut self, loss: &Loss) {
        let number = match &loss.request_id {
            Some(id) => self.by_id.get(id).copied(),
            None => self.handles.get(&loss.run).copied(),
        };
        if let Some(number) = number {
            self.note(number, loss.cause, loss.kind, loss.count);
        }
    }

    fn note(&mut self, number: usize, cause: DropCause, kind: usize, count: u64) {
        if let Some(run) = self.runs.get_mut(&number) {
            run.note(cause, kind, count);
        }
    }

    fn begin_run(&mut self, record: &Record) {
        let name = Compact(record.bytes()).name().unwrap_or_default();
        let request_id = Text::new(String::from_utf8_lossy(name));
        let number = self.run_of(&request_id).unwrap_or(OVER_LIMIT);
        self.handles.insert(record.run, number);
        if let Some(run) = self.runs.get_mut(&number) {
            run.handles += 1;
            run.times.at(&self.line, record.ticks);
        }
    }

    /// The open run of an id, begun where there is none; none beyond the limit.
    fn run_of(&mut self, request_id: &Text) -> Option<usize> {
        if let Some(number) = self.by_id.get(request_id) {
            return Some(*number);
        }
        if self.runs.len() >= self.limits.runs {
            return None;
        }
        let number = self.next;
        self.next += 1;
        // Ids are used again, by the same run and by others: each beginning has ids of its own.
        let prefix = IdPrefix::new(mix(self.emitter.wrapping_add(number as u64)));
        let request_id = request_id.detached();
        let state = RunState::new(request_id.clone(), prefix, &self.line);
        self.runs.insert(number, state);
        self.by_id.insert(request_id, number);
        Some(number)
    }

    /// Takes note that a handle is gone; with the last one the run is over.
    pub(crate) fn end_handle(&mut self, handle: u64, ticks: u64) {
        self.last = None;
        let Some(number) = self.handles.remove(&handle) else {
            return;
        };
        let Some(run) = self.runs.get_mut(&number) else {
            return;
        };
        run.handles = run.handles.saturating_sub(1);
        if run.handles == 0 {
            run.times.at(&self.line, ticks);
            self.end_run(number);
        }
    }

    /// Ends a run by its id, whatever handles it has.
    pub(crate) fn finish(&mut self, request_id: &Text) {
        if let Some(&number) = self.by_id.get(request_id) {
            self.end_run(number);
            self.handles.retain(|_, run| *run != number);
        }
    }

    /// Ends every run, in the order in which they began.
    pub(crate) fn finish_all(&mut self) {
        let mut numbers: Vec<_> = self.runs.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            self.end_run(number);
        }
        self.handles.clear();
    }

    fn end_run(&mut self, number: usize) {
        let Some(mut run) = self.runs.remove(&number) else {
            return;
        };
        self.last = None;
        self.by_id.remove(&run.request_id);
        self.made += run.tell(
            &mut self.buffer,
            &mut self.steps,
            &mut self.shares,
            &self.no_ctx,
        );
        self.ended += 1;
        self.steps.push(Step::Ready(Item::RunEnded(RunEnded {
            nanos: run.times.last().unwrap_or_default(),
            ids: run.ids,
            next_seq: run.next_seq,
            request_id: run.request_id,
        })));
    }

    fn push_raw(&mut self, record: Record, shed: bool) {
        let Some(event) = record.raw else { return };
        let counted = usize::from(record.counted);
        let Some(number) = self.run_of(&event.request_id) else {
            return self.dropped.add(DropCause::OpenLimit, counted, 1);
        };
        if shed && !crate::emit::record::is_precious(&event) {
            self.dropped.add(DropCause::RingFull, counted, 1);
            return self.note(number, DropCause::RingFull, counted, 1);
        }
        let Some(run) = self.runs.get_mut(&number) else {
            return;
        };
        if run.has_notes() {
            self.made += run.tell(
                &mut self.buffer,
                &mut self.steps,
                &mut self.shares,
                &self.no_ctx,
            );
        }
        let nanos = event.timestamp.micros().saturating_mul(1000);
        run.times
            .pass(nanos.saturating_add(i64::from(event.timestamp.nanos())));
        run.next_seq = run.next_seq.max(event.seq.saturating_add(1));
        self.steps.push(Step::Ready(Item::Event(*event)));
    }

    /// Takes what the records since the last call turned into.
    pub(crate) fn take(&mut self, mut hand_on: impl FnMut(Item)) {
        let size = self.buffer.len();
        let buffer = std::mem::replace(&mut self.buffer, Vec::with_capacity(size));
        // Names and ids were text when they were recorded, and so is everything written beside
        // them; the check is what keeps this true for all that follows.
        let chunk = Text::from_utf8(buffer).unwrap_or_default();
        self.shares.clear();
        for step in self.steps.drain(..) {
            hand_on(match step {
                Step::Ready(item) => item,
                Step::Pending(pending) => Item::Event(pending.into_event(&chunk)),
            });
        }
    }
}

/// Spreads a number over 64 bits, without loss.
fn mix(mut number: u64) -> u64 {
    number ^= number >> 30;
    number = number.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number ^= number >> 27;
    number = number.wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Pending {
    fn into_event(self, chunk: &Text) -> TraceEvent {
        let payload = chunk.part((self.payload.start, self.payload.end));
        TraceEvent {
            event_id: chunk.part((self.id.start, self.id.end)),
            request_id: chunk.part((self.request_id.start, self.request_id.end)),
            kind: self.kind,
            op_name: self.op_name.map(|name| chunk.part((name.start, name.end))),
            ctx: self.ctx,
            timestamp: timestamp(self.nanos),
            seq: self.seq,
            payload: Payload::from_parts(payload, self.slots),
            extra: None,
        }
    }
}

/// What an event belongs to.
struct Owner {
    seq: u64,
    nanos: i64,
    group: Option<Text>,
    op_name: Option<Range<usize>>,
    ctx: Ctx,
}

/// Makes one event.
struct Maker<'a> {
    shares: &'a mut Shares,
    run: &'a mut RunState,
    line: &'a Timeline,
    names: &'a mut Map<Vec<u8>, Text>,
    no_ctx: &'a Ctx,
    limits: &'a Limits,
    buffer: &'a mut Vec<u8>,
}

impl Maker<'_> {
    fn make(&mut self, mut record: Record) -> Result<(Pending, bool), DropCause> {
        let is_opener = matches!(record.kind, Kind::OpStart | Kind::GroupStart);
        if is_opener && self.run.open.len() >= self.limits.open {
            return Err(DropCause::OpenLimit);
        }
        let owner = self.owner(&record)?;
        let (nanos, late) = self.run.times.at(self.line, record.ticks);
        let seq = self.run.next_seq;
        self.run.next_seq += 1;
        let ctx = record.ctx.take();
        let request_id = self.shares.text(&self.run.request_id, self.buffer);
        let start = self.buffer.len();
        self.run.ids.push(self.buffer, seq);
        let id = start..self.buffer.len();
        let (payload, slots) = self.payload(&record, owner.as_ref(), nanos);
        let (op_name, ctx) = match owner {
            Some(owner) => (owner.op_name, owner.ctx),
            None if is_opener => self.open(&record, ctx, nanos, seq),
            None => (None, self.shares.path(self.no_ctx)),
        };
        let pending = Pending {
            request_id,
            kind: record.kind.event_kind().unwrap_or(EventKind::Annotation),
            op_name,
            ctx,
            nanos,
            seq,
            id,
            payload,
            slots,
        };
        Ok((pending, late))
    }

    /// What an event belongs to, which came before it; an error where that was dropped or has ended.
    fn owner(&mut self, record: &Record) -> Result<Option<Owner>, DropCause> {
        let ended;
        let (open, group) = match record.kind {
            Kind::OpStart | Kind::GroupStart => return Ok(None),
            Kind::OpEnd | Kind::GroupEnd => {
                let open = self.run.open.remove(&record.key);
                ended = open.ok_or(DropCause::Subtree)?;
                (&ended, ended.group.clone())
            }
            _ if record.key == 0 => return Ok(None),
            _ => {
                let open = self.run.open.get(&record.key);
                (open.ok_or(DropCause::Subtree)?, None)
            }
        };
        let name = open.op_name.as_ref();
        Ok(Some(Owner {
            seq: open.seq,
            nanos: open.nanos,
            group,
            op_name: name.map(|name| self.shares.text(name, self.buffer)),
            ctx: self.shares.path(&open.ctx),
        }))
    }

    fn open(
        &mut self,
        record: &Record,
        ctx: Option<Ctx>,
        nanos: i64,
        seq: u64,
    ) -> (Option<Range<usize>>, Ctx) {
        let name = Compact(record.bytes()).name().unwrap_or_default();
        let is_op = record.kind == Kind::OpStart;
        let name = self.shared_name(name);
        let parent = self.run.open.get(&record.extra);
        let ctx = ctx
            .or_else(|| parent.map(|parent| parent.ctx.clone()))
            .unwrap_or_else(|| self.no_ctx.clone());
        let copies = (
            is_op.then(|| self.shares.text(&name, self.buffer)),
            self.shares.path(&ctx),
        );
        let (op_name, group) = if is_op {
            (Some(name), None)
        } else {
            (None, Some(name))
        };
        let open = Open {
            seq,
            nanos,
            op_name,
            group,
            ctx,
        };
        self.run.open.insert(record.key, open);
        copies
    }

    fn shared_name(&mut self, name: &[u8]) -> Text {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let text = Text::new(String::from_utf8_lossy(name));
        if name.len() <= MAX_KEPT_NAME {
            if self.names.len() >= MAX_NAMES {
                self.names.clear();
            }
            self.names.insert(name.to_vec(), text.clone());
        }
        text
    }

    fn payload(
        &mut self,
        record: &Record,
        opener: Option<&Owner>,
        nanos: i64,
    ) -> (Range<usize>, Slots) {
        let mut compact = Compact(record.bytes());
        let too_large = compact.0.len() > self.limits.payload_bytes;
        let mut value = |out: &mut Vec<u8>| push_value(&mut compact, out, too_large);
        let ids = self.run.ids;
        let open = &self.run.open;
        let mut object = Object::begin(self.buffer);
        let slot = match record.kind {
            Kind::OpStart => {
                skip_name(&mut compact);
                object.field(0, "inputs", |out| push_value(&mut compact, out, too_large));
                push_parent(&mut object, ids, open.get(&record.extra));
                return object.end();
            }
            Kind::GroupStart => {
                let name = compact.name().unwrap_or_default();
                object.text(0, "name", name);
                push_parent(&mut object, ids, open.get(&record.extra));
                object.splice(|out| push_value(&mut compact, out, too_large));
                return object.end();
            }
            Kind::Annotation => {
                let key = compact.name().unwrap_or_default();
                object.text(0, "key", key);
                object.field(1, "value", |out| push_value(&mut compact, out, too_large));
                2
            }
            Kind::OpYield => {
                object.field(0, "yielded", value);
                object.integer(1, "idx", record.extra);
                2
            }
            Kind::OpEnd => {
                object.field(0, "outputs", &mut value);
                object.text(1, "status", status(record.status));
                let began = opener.map_or(nanos, |open| open.nanos);
                object.field(2, "duration_ms", |out| push_millis(out, nanos - began));
                if record.extra > 0 {
                    object.integer(3, "yield_count", record.extra);
                }
                if record.status == end::ERROR {
                    object.field(4, "error", |out| {
                        out.extend_from_slice(b"{\"type\":");
                        value(out);
                        out.extend_from_slice(b",\"message\":");
                        value(out);
                        out.push(b'}');
                    });
                }
                5
            }
            Kind::GroupEnd => {
                let name = opener.and_then(|open| open.group.as_ref());
                let name = name.map_or(&b""[..], |name| name.as_bytes());
                object.text(0, "name", name);
                object.text(1, "status", status(record.status));
                2
            }
            Kind::LlmUsage => {
                push_usage(&mut object, &mut compact);
                5
            }
            Kind::MediaRef => push_media(&mut object, &mut compact),
            Kind::Raw | Kind::RunStart | Kind::RunEnd => return object.end(),
        };
        if let Some(opener) = opener {
            object.field(slot, "opener_id", |out| push_id(out, ids, opener.seq));
        }
        object.end()
    }
}

fn skip_name(compact: &mut Compact<'_>) {
    compact.name();
}

fn push_value(compact: &mut Compact<'_>, out: &mut Vec<u8>, too_large: bool) {
    let before = out.len();
    if too_large {
        let bytes = compact.0.len();
        push_quoted(
            out,
            format!("(payload of {bytes} bytes left out)").as_bytes(),
        );
    } else if compact.value(out).is_none() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

fn push_usage(object: &mut Object<'_>, compact: &mut Compact<'_>) {
    const FIELDS: [&str; 5] = [
        "model",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cost_usd",
    ];
    for (slot, key) in FIELDS.into_iter().enumerate() {
        if compact.0.first() == Some(&crate::emit::encode::tag::NULL) {
            compact.0 = compact.0.get(1..).unwrap_or_default();
        } else {
            object.field(slot, key, |out| push_value(compact, out, false));
        }
    }
}

/// Writes a reference; its last value, where there is one, says why there is nothing behind it.
fn push_media(object: &mut Object<'_>, compact: &mut Compact<'_>) -> usize {
    let fields = ["handle", "mime", "size_bytes"];
    for (slot, key) in fields.into_iter().enumerate() {
        object.field(slot, key, |out| push_value(compact, out, false));
    }
    object.splice(|out| push_value(compact, out, false));
    fields.len()
}

fn push_parent(object: &mut Object<'_>, ids: IdPrefix, parent: Option<&Open>) {
    object.field(1, "parent_id", |out| match parent {
        Some(parent) => push_id(out, ids, parent.seq),
        None => out.extend_from_slice(b"null"),
    });
}

fn push_id(out: &mut Vec<u8>, ids: IdPrefix, seq: u64) {
    out.push(b'"');
    ids.push(out, seq);
    out.push(b'"');
}

fn status(status: u8) -> &'static [u8] {
    match status {
        end::OK => b"ok",
        end::ERROR => b"error",
        _ => b"cancelled",
    }
}

/// The payload of the note that tells of losses.
fn push_losses(out: &mut Vec<u8>, losses: &[(DropCause, usize, u64)]) -> (Range<usize>, Slots) {
    let mut object = Object::begin(out);
    object.text(0, "key", LOST_KEY.as_bytes());
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
    object.end()
}
