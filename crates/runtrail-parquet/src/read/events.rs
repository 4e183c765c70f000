//! Events of rows.

use std::ops::Range;

use runtrail_core::event::{Ctx, EventKind, Payload, TraceEvent};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use super::EventsRead;
use super::columns::EventRow;

/// Bytes of text that are gathered before events are made of them.
const CHUNK_BYTES: usize = 1 << 20;
const CHUNK_EVENTS: usize = 4096;
/// As deep as any reader of archives lets an event nest.
const MAX_DEPTH: usize = 1024;

/// A row that holds no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its part, within the lake.
    pub path: String,
    /// Its number within the part, from 0.
    pub row: u64,
    /// What is wrong with it.
    pub what: &'static str,
}

/// Gathers rows, and makes events of them that share one text.
#[derive(Default)]
pub(super) struct Gatherer {
    text: String,
    rows: Vec<Held>,
    /// The latest ctx: the next event's is mostly the same.
    ctx: Ctx,
}

/// A row whose texts are in the gatherer's.
struct Held {
    row: u64,
    complete: bool,
    event_id: Range<usize>,
    request_id: Range<usize>,
    kind: EventKind,
    op_name: Option<Range<usize>>,
    ctx: Ctx,
    timestamp: Timestamp,
    seq: u64,
    payload: Range<usize>,
    extra: Option<Range<usize>>,
}

impl Gatherer {
    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= CHUNK_BYTES || self.rows.len() >= CHUNK_EVENTS
    }

    pub(super) fn push(&mut self, row: &EventRow<'_>) {
        if self.rows.is_empty() {
            // Grown step by step, it would be copied each time; what is not filled costs nothing.
            self.text.reserve(CHUNK_BYTES + CHUNK_BYTES / 16);
        }
        let same = self.ctx.segments().iter().map(Text::as_str);
        if !same.eq(row.ctx.iter().copied()) {
            self.ctx = Ctx::new(row.ctx.iter().copied());
        }
        let kind = EventKind::known(row.kind);
        let held = Held {
            row: row.row,
            complete: row.complete,
            event_id: self.keep(row.event_id),
            request_id: self.keep_run(row.request_id),
            kind: kind.unwrap_or_else(|| EventKind::Unknown(Text::from(row.kind))),
            op_name: row.op_name.map(|name| self.keep(name)),
            ctx: self.ctx.clone(),
            timestamp: row.timestamp,
            seq: row.seq,
            payload: self.keep(row.payload),
            extra: row.extra.map(|extra| self.keep(extra)),
        };
        self.rows.push(held);
    }

    /// Keeps a run's id once for all of its rows that follow each other: the events then share it, and
    /// comparing it costs nothing.
    fn keep_run(&mut self, run: &str) -> Range<usize> {
        match self.rows.last().map(|last| last.request_id.clone()) {
            Some(last) if self.text.get(last.clone()) == Some(run) => last,
            _ => self.keep(run),
        }
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// Makes events of what was gathered, and says how much text they keep alive.
    pub(super) fn take(&mut self, path: &str, read: &mut EventsRead) -> (Vec<TraceEvent>, usize) {
        let text = Text::new(std::mem::take(&mut self.text));
        let bytes = text.len();
        let mut events = Vec::with_capacity(self.rows.len());
        for held in self.rows.drain(..) {
            let row = held.row;
            match held.into_event(&text) {
                Ok(event) => events.push(event),
                Err(what) => read.note_bad_row(BadRow {
                    path: path.to_owned(),
                    row,
                    what,
                }),
            }
        }
        read.events += events.len() as u64;
        (events, bytes)
    }
}

impl Held {
    fn into_event(self, text: &Text) -> Result<TraceEvent, &'static str> {
        if !self.complete {
            return Err("a required column has no value");
        }
        let part = |range: Range<usize>| text.slice(range);
        let payload = Payload::stored(&self.kind, part(self.payload), MAX_DEPTH);
        Ok(TraceEvent {
            event_id: part(self.event_id),
            request_id: part(self.request_id),
            payload: payload.ok_or("its payload is no JSON object")?,
            kind: self.kind,
            op_name: self.op_name.map(part),
            ctx: self.ctx,
            timestamp: self.timestamp,
            seq: self.seq,
            extra: self.extra.map(part),
        })
    }
}
