//! The form of events in temporary files: frames of fixed-size records and one text.
//!
//! Reading a frame validates its text once and slices it; no event is parsed again. The form is
//! private to one process and may change at any time.

use std::collections::HashMap;
use std::io::{self, Read};

use runtrail_core::event::{Ctx, EventKind, MAX_SLOTS, Payload, Slots, TraceEvent};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

/// The text of a frame, about; one long event may exceed it.
const FRAME_TEXT: usize = 256 << 10;
const FRAME_EVENTS: usize = 4096;
/// Stands for "none", and for a run id "the same as the event before".
const NONE: u32 = u32::MAX;
const RECORD: usize = 8 + 2 + 1 + 8 + 4 * 7 + 8 * MAX_SLOTS;

/// Collects events to a frame.
#[derive(Default)]
pub(crate) struct FrameBuilder {
    records: Vec<u8>,
    ctxs: Vec<u8>,
    text: String,
    ctx_numbers: HashMap<Ctx, u32>,
    last_run: Option<Text>,
    head: Vec<u8>,
}

impl FrameBuilder {
    pub(crate) fn is_full(&self) -> bool {
        self.text.len() + self.ctxs.len() >= FRAME_TEXT
            || self.records.len() >= FRAME_EVENTS * RECORD
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.ctxs.clear();
        self.text.clear();
        self.ctx_numbers.clear();
        self.last_run = None;
    }

    pub(crate) fn push(&mut self, event: &TraceEvent) {
        let ctx = self.ctx_number(&event.ctx);
        let same_run = self.last_run.as_ref() == Some(&event.request_id);
        let run = if same_run {
            NONE
        } else {
            self.add_text(&event.request_id)
        };
        if !same_run {
            self.last_run = Some(event.request_id.clone());
        }
        let (kind, kind_name) = match &event.kind {
            EventKind::Unknown(name) => (u8::MAX, self.add_text(name)),
            known => (
                EventKind::KNOWN
                    .iter()
                    .position(|k| k == known)
                    .unwrap_or(0) as u8,
                NONE,
            ),
        };
        let event_id = self.add_text(&event.event_id);
        let op_name = event
            .op_name
            .as_ref()
            .map_or(NONE, |name| self.add_text(name));
        let payload = self.add_text(event.payload.text());
        let extra = event
            .extra
            .as_ref()
            .map_or(NONE, |extra| self.add_text(extra));
        let record = &mut self.records;
        record.extend_from_slice(&event.timestamp.micros().to_le_bytes());
        record.extend_from_slice(&event.timestamp.nanos().to_le_bytes());
        record.push(kind);
        record.extend_from_slice(&event.seq.to_le_bytes());
        for number in [ctx, run, kind_name, event_id, op_name, payload, extra] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        for (start, end) in event.payload.slots() {
            record.extend_from_slice(&start.to_le_bytes());
            record.extend_from_slice(&end.to_le_bytes());
        }
    }

    fn add_text(&mut self, text: &str) -> u32 {
        self.text.push_str(text);
        text.len() as u32
    }

    fn ctx_number(&mut self, ctx: &Ctx) -> u32 {
        if let Some(&number) = self.ctx_numbers.get(ctx) {
            return number;
        }
        let number = self.ctx_numbers.len() as u32;
        self.ctx_numbers.insert(ctx.clone(), number);
        self.ctxs
            .extend_from_slice(&(ctx.segments().len() as u32).to_le_bytes());
        for segment in ctx.segments() {
            self.ctxs
                .extend_from_slice(&(segment.len() as u32).to_le_bytes());
            self.ctxs.extend_from_slice(segment.as_bytes());
        }
        number
    }

    /// Returns the frame's bytes in pieces: lengths and records, ctxs, text.
    pub(crate) fn finish(&mut self) -> [&[u8]; 3] {
        let count = self.records.len() / RECORD;
        self.head.clear();
        for number in [
            count,
            self.ctx_numbers.len(),
            self.ctxs.len(),
            self.text.len(),
        ] {
            self.head.extend_from_slice(&(number as u32).to_le_bytes());
        }
        self.head.extend_from_slice(&self.records);
        [&self.head, &self.ctxs, self.text.as_bytes()]
    }
}

/// Copies events into memory of their own, each frame's worth of them together.
pub(crate) fn compacted(events: &[TraceEvent]) -> Vec<TraceEvent> {
    let mut frame = FrameBuilder::default();
    let mut copies = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        frame.push(event);
        if frame.is_full() || index + 1 == events.len() {
            // What was just written in memory can be read.
            let bytes = frame.finish().concat();
            copies.extend(frame_at(&mut &bytes[..]).unwrap_or_default().0);
            frame.clear();
        }
    }
    copies
}

/// Reads a frame, and gives the length of its text.
pub(crate) fn frame_at(file: &mut impl Read) -> io::Result<(Vec<TraceEvent>, usize)> {
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    let events = read_frame(file, head)?;
    let bytes = events.first().map_or(0, |event| event.event_id.chunk_len());
    Ok((events, bytes))
}

/// Reads the rest of a frame whose first eight bytes have been read.
pub(super) fn read_frame(file: &mut impl Read, head: [u8; 8]) -> io::Result<Vec<TraceEvent>> {
    let mut tail = [0; 8];
    file.read_exact(&mut tail)?;
    let (mut head, mut tail) = (Bytes(&head), Bytes(&tail));
    let (count, ctx_count) = (head.u32()? as usize, head.u32()? as usize);
    let (ctx_bytes, text_bytes) = (tail.u32()? as usize, tail.u32()? as usize);
    let fixed = read_bytes(file, count * RECORD + ctx_bytes)?;
    let text = read_bytes(file, text_bytes)?;
    let text = Text::from_utf8(text).map_err(|_| damaged())?;
    let (records, ctxs) = fixed.split_at(count * RECORD);
    let ctxs = read_ctxs(&mut Bytes(ctxs), ctx_count)?;
    let mut reader = RecordReader {
        bytes: Bytes(records),
        ctxs: &ctxs,
        text: &text,
        at: 0,
        run: Text::default(),
    };
    (0..count).map(|_| reader.next()).collect()
}

/// Reads into memory that is not set to zero before.
fn read_bytes(file: &mut impl Read, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len);
    let read = file.take(len as u64).read_to_end(&mut bytes)?;
    if read == len {
        Ok(bytes)
    } else {
        Err(damaged())
    }
}

fn read_ctxs(bytes: &mut Bytes<'_>, count: usize) -> io::Result<Vec<Ctx>> {
    let mut ctxs = Vec::with_capacity(count);
    for _ in 0..count {
        let segments = bytes.u32()?;
        let mut ctx = Vec::new();
        for _ in 0..segments {
            let len = bytes.u32()? as usize;
            ctx.push(std::str::from_utf8(bytes.take(len)?).map_err(|_| damaged())?);
        }
        ctxs.push(Ctx::new(ctx));
    }
    Ok(ctxs)
}

struct RecordReader<'a> {
    bytes: Bytes<'a>,
    ctxs: &'a [Ctx],
    text: &'a Text,
    at: usize,
    run: Text,
}

impl RecordReader<'_> {
    fn next(&mut self) -> io::Result<TraceEvent> {
        let micros = i64::from_le_bytes(self.bytes.array()?);
        let nanos = u16::from_le_bytes(self.bytes.array()?);
        let [kind] = self.bytes.array()?;
        let seq = u64::from_le_bytes(self.bytes.array()?);
        let mut numbers = [0; 7];
        for number in &mut numbers {
            *number = self.bytes.u32()?;
        }
        let [ctx, run, kind_name, event_id, op_name, payload, extra] = numbers;
        let mut slots = Slots::default();
        for slot in &mut slots {
            *slot = (self.bytes.u32()?, self.bytes.u32()?);
        }
        if let Some(run) = self.text(run) {
            self.run = run;
        }
        let kind = match self.text(kind_name) {
            Some(name) => EventKind::Unknown(name),
            None => EventKind::KNOWN
                .get(kind as usize)
                .cloned()
                .ok_or_else(damaged)?,
        };
        Ok(TraceEvent {
            event_id: self.text(event_id).ok_or_else(damaged)?,
            request_id: self.run.clone(),
            kind,
            op_name: self.text(op_name),
            ctx: self.ctxs.get(ctx as usize).cloned().ok_or_else(damaged)?,
            timestamp: Timestamp::from_parts(micros, nanos),
            seq,
            payload: Payload::from_parts(self.text(payload).ok_or_else(damaged)?, slots),
            extra: self.text(extra),
        })
    }

    fn text(&mut self, len: u32) -> Option<Text> {
        if len == NONE {
            return None;
        }
        let start = self.at;
        self.at += len as usize;
        Some(self.text.slice(start..self.at))
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }
}

fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a temporary file does not hold what was written to it",
    )
}
