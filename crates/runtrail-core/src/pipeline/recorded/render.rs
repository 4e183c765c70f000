//! Records as events: ids, names and payloads as text, in one chunk for all.

use std::ops::Range;

use super::{Content, Entry, IdPrefix, NO_SEQ, RECENT_PLACES, Recorded};
use crate::emit::record::{Kind, end};
use crate::emit::render::{Compact, push_quoted};
use crate::event::{Ctx, EventKind, Payload, Slots, TraceEvent};
use crate::pipeline::clock::timestamp;
use crate::pipeline::payload::{Object, push_millis};
use crate::text::Text;

/// About what the text of an event takes beside what was recorded of it.
const USUAL_FRAME: usize = 128;

/// Where the texts of an event stand.
struct Spot {
    id: Range<usize>,
    payload: Range<usize>,
    slots: Slots,
}

impl Recorded {
    /// Writes the events.
    pub(in crate::pipeline) fn render(&self) -> Vec<TraceEvent> {
        let usual = self.bytes.len() + self.outside + self.entries.len() * USUAL_FRAME;
        let mut text = Vec::with_capacity(usual);
        let spots: Vec<_> = self
            .entries
            .iter()
            .map(|entry| self.write(entry, &mut text))
            .collect();
        let runs = ranges(&mut text, self.runs.iter().map(|run| &run.request_id));
        let names = ranges(&mut text, self.places.iter().map(|place| &place.name));
        // Names and payloads were text when they were recorded, and so is everything written beside
        // them; the check is what keeps this true for all that follows.
        let chunk = Text::from_utf8(text).unwrap_or_default();
        let part = |range: &Range<usize>| chunk.part((range.start, range.end));
        let (ctxs, no_ctx) = (self.own_ctxs(), Ctx::default());
        let op_name = |entry: &Entry| {
            let place = self.places.get(entry.place as usize);
            let is_op = place.is_some_and(|place| !place.is_group);
            names.get(entry.place as usize).filter(|_| is_op).map(part)
        };
        let entries = self.entries.iter().zip(spots);
        let event = |(entry, spot): (&Entry, Option<Spot>)| match (entry.content, spot) {
            (Content::Event(index), _) => self.made.get(index as usize).cloned(),
            (_, None) => None,
            (_, Some(spot)) => Some(TraceEvent {
                event_id: part(&spot.id),
                request_id: part(runs.get(entry.run as usize)?),
                kind: entry.kind.event_kind().unwrap_or(EventKind::Annotation),
                op_name: op_name(entry),
                ctx: ctxs.get(entry.place as usize).unwrap_or(&no_ctx).clone(),
                timestamp: timestamp(entry.nanos),
                seq: entry.seq,
                payload: Payload::from_parts(part(&spot.payload), spot.slots),
                extra: None,
            }),
        };
        entries.filter_map(event).collect()
    }

    /// Paths that nobody else has: a count of references that the emitting threads, the worker and
    /// exporters all change costs each of them a trip between cores for every event.
    fn own_ctxs(&self) -> Vec<Ctx> {
        let mut copies: Vec<(&Ctx, Ctx)> = Vec::with_capacity(self.places.len());
        for place in &self.places {
            let known = copies.iter().rev().take(RECENT_PLACES);
            let known = known
                .into_iter()
                .find(|(ctx, _)| ctx.same_allocation(&place.ctx));
            let copy = match known {
                Some((_, copy)) => copy.clone(),
                None => Ctx::new(place.ctx.segments().iter().cloned()),
            };
            copies.push((&place.ctx, copy));
        }
        copies.into_iter().map(|(_, copy)| copy).collect()
    }

    fn write(&self, entry: &Entry, text: &mut Vec<u8>) -> Option<Spot> {
        let ids = self.runs.get(entry.run as usize)?.ids;
        let start = text.len();
        ids.push(text, entry.seq);
        let id = start..text.len();
        let content = self.content(entry.content);
        let name = self.places.get(entry.place as usize);
        let writer = Writer {
            entry,
            ids,
            group: name.map_or(&b""[..], |place| place.name.as_bytes()),
            too_large: content.len() > self.max_payload,
            compact: Compact(content),
        };
        let (payload, slots) = writer.payload(text);
        Some(Spot { id, payload, slots })
    }
}

fn ranges<'a>(text: &mut Vec<u8>, parts: impl Iterator<Item = &'a Text>) -> Vec<Range<usize>> {
    let mut put = |part: &Text| {
        let start = text.len();
        text.extend_from_slice(part.as_bytes());
        start..text.len()
    };
    parts.map(&mut put).collect()
}

/// Writes one payload.
struct Writer<'a> {
    entry: &'a Entry,
    ids: IdPrefix,
    /// The group's name, on a group's end.
    group: &'a [u8],
    too_large: bool,
    compact: Compact<'a>,
}

impl Writer<'_> {
    fn payload(mut self, out: &mut Vec<u8>) -> (Range<usize>, Slots) {
        let mut object = Object::begin(out);
        let slot = match self.entry.kind {
            Kind::OpStart => {
                self.compact.name();
                object.field(0, "inputs", |out| self.value(out));
                push_parent(&mut object, self.ids, self.entry.owner);
                return object.end();
            }
            Kind::GroupStart => {
                object.text(0, "name", self.compact.name().unwrap_or_default());
                push_parent(&mut object, self.ids, self.entry.owner);
                object.splice(|out| self.value(out));
                return object.end();
            }
            Kind::Annotation => {
                object.text(0, "key", self.compact.name().unwrap_or_default());
                object.field(1, "value", |out| self.value(out));
                2
            }
            Kind::OpYield => {
                object.field(0, "yielded", |out| self.value(out));
                object.integer(1, "idx", self.entry.extra);
                2
            }
            Kind::OpEnd => {
                self.op_end(&mut object);
                5
            }
            Kind::GroupEnd => {
                object.text(0, "name", self.group);
                object.text(1, "status", status(self.entry.status));
                2
            }
            Kind::LlmUsage => {
                push_usage(&mut object, &mut self.compact);
                5
            }
            Kind::MediaRef => push_media(&mut object, &mut self.compact),
            Kind::Raw | Kind::RunStart | Kind::RunEnd | Kind::RunFinish => return object.end(),
        };
        if self.entry.owner != NO_SEQ {
            object.field(slot, "opener_id", |out| {
                push_id(out, self.ids, self.entry.owner);
            });
        }
        object.end()
    }

    fn op_end(&mut self, object: &mut Object<'_>) {
        let entry = self.entry;
        object.field(0, "outputs", |out| self.value(out));
        object.text(1, "status", status(entry.status));
        object.field(2, "duration_ms", |out| {
            push_millis(out, entry.nanos - entry.began);
        });
        if entry.extra > 0 {
            object.integer(3, "yield_count", entry.extra);
        }
        if entry.status == end::ERROR {
            object.field(4, "error", |out| {
                out.extend_from_slice(b"{\"type\":");
                self.value(out);
                out.extend_from_slice(b",\"message\":");
                self.value(out);
                out.push(b'}');
            });
        }
    }

    fn value(&mut self, out: &mut Vec<u8>) {
        push_value(&mut self.compact, out, self.too_large);
    }
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

fn push_parent(object: &mut Object<'_>, ids: IdPrefix, parent: u64) {
    object.field(1, "parent_id", |out| match parent {
        NO_SEQ => out.extend_from_slice(b"null"),
        parent => push_id(out, ids, parent),
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
