//! The event: one thing that happened in a run.

mod payload;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use payload::{
    Annotation, ErrorInfo, GroupEnd, GroupStart, LlmUsage, MAX_SLOTS, MediaRef, OpEnd, OpStart,
    OpYield, Payload, Slots, View,
};
pub(crate) use payload::{offset_in, scan_object, slot_keys};

use crate::json::compact;
use crate::text::Text;
use crate::time::Timestamp;

/// What an event says.
///
/// A kind that this version does not know is carried, counted and written out again as it came;
/// the fold ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// An op began.
    OpStart,
    /// An op ended.
    OpEnd,
    /// A generator op produced an item.
    OpYield,
    /// A note on an op, or on the innermost open group where the event names no op.
    Annotation,
    /// A named stretch of the run began.
    GroupStart,
    /// A named stretch of the run ended.
    GroupEnd,
    /// An LLM call reported what it used.
    LlmUsage,
    /// An op refers to bytes in a media store.
    MediaRef,
    /// A kind of a later version or of another engine.
    Unknown(Text),
}

impl EventKind {
    /// The known kinds, in the order of the documentation.
    pub const KNOWN: [EventKind; 8] = [
        EventKind::OpStart,
        EventKind::OpEnd,
        EventKind::OpYield,
        EventKind::Annotation,
        EventKind::GroupStart,
        EventKind::GroupEnd,
        EventKind::LlmUsage,
        EventKind::MediaRef,
    ];

    /// Returns the kind's name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::OpStart => "op_start",
            Self::OpEnd => "op_end",
            Self::OpYield => "op_yield",
            Self::Annotation => "annotation",
            Self::GroupStart => "group_start",
            Self::GroupEnd => "group_end",
            Self::LlmUsage => "llm_usage",
            Self::MediaRef => "media_ref",
            Self::Unknown(name) => name,
        }
    }

    /// Returns the known kind of that name.
    pub fn known(name: &str) -> Option<Self> {
        Some(match name {
            "op_start" => Self::OpStart,
            "op_end" => Self::OpEnd,
            "op_yield" => Self::OpYield,
            "annotation" => Self::Annotation,
            "group_start" => Self::GroupStart,
            "group_end" => Self::GroupEnd,
            "llm_usage" => Self::LlmUsage,
            "media_ref" => Self::MediaRef,
            _ => return None,
        })
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The path of scope segments an op ran in, root first: `["main", "[0]"]`.
///
/// A clone is a reference count.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Ctx(Arc<[Text]>);

impl Clone for Ctx {
    #[inline]
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    #[inline]
    fn clone_from(&mut self, source: &Self) {
        if !self.same_allocation(source) {
            *self = source.clone();
        }
    }
}

impl Ctx {
    /// Makes a path of its segments.
    pub fn new<S: Into<Text>>(segments: impl IntoIterator<Item = S>) -> Self {
        Self(segments.into_iter().map(|s| s.into().detached()).collect())
    }

    /// Returns the segments, root first.
    pub fn segments(&self) -> &[Text] {
        &self.0
    }

    /// Joins the segments with `/`; a `/` or `\` inside a segment is preceded by `\`.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                path.push('/');
            }
            for c in segment.chars() {
                if matches!(c, '/' | '\\') {
                    path.push('\\');
                }
                path.push(c);
            }
        }
        path
    }

    /// Bytes of memory that the path takes.
    pub(crate) fn held(&self) -> usize {
        let texts: usize = self.0.iter().map(Text::size).sum();
        size_of_val(self.segments()) + texts
    }

    /// Where the path is in memory: paths with the same address are the same while both exist.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr() as usize
    }

    #[inline]
    pub(crate) fn same_allocation(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl serde::Serialize for Ctx {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.segments())
    }
}

impl<'de> serde::Deserialize<'de> for Ctx {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Text>::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// How an op, a group or a run ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It did what it was asked.
    Ok,
    /// It failed.
    Error,
    /// It was stopped before it was done.
    Cancelled,
    /// The stream ended while it was open; nothing is known of its end.
    Truncated,
}

impl Status {
    /// Returns the status's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Truncated => "truncated",
        }
    }

    /// Returns the status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ok, Self::Error, Self::Cancelled, Self::Truncated]
            .into_iter()
            .find(|s| s.as_str() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One event of a run, as it stands on one line of an archive.
///
/// `Eq`, `Ord` and `Hash` rest on one key: run, timestamp, seq, rank, event id, then the remaining
/// content. Within a run that is the order in which things happened; see [`TraceEvent::rank`].
#[derive(Debug)]
pub struct TraceEvent {
    /// The event's identity, opaque. Unique in a well-behaved archive; see [`TraceEvent::is_repeat_of`].
    pub event_id: Text,
    /// The run that the event belongs to.
    pub request_id: Text,
    /// What the event says.
    pub kind: EventKind,
    /// The op that it speaks of; none on group events and notes on groups.
    pub op_name: Option<Text>,
    /// The scope that the op ran in; empty where the source has none.
    pub ctx: Ctx,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The event's number within its run, at most 2^63 − 1.
    pub seq: u64,
    /// What it carries.
    pub payload: Payload,
    /// Top-level fields that this version does not know, as one JSON object.
    pub extra: Option<Text>,
}

impl Clone for TraceEvent {
    fn clone(&self) -> Self {
        Self {
            event_id: self.event_id.clone(),
            request_id: self.request_id.clone(),
            kind: self.kind.clone(),
            op_name: self.op_name.clone(),
            ctx: self.ctx.clone(),
            timestamp: self.timestamp,
            seq: self.seq,
            payload: self.payload.clone(),
            extra: self.extra.clone(),
        }
    }

    /// Counts only the references that differ; from one event of a chunk to the next none does.
    fn clone_from(&mut self, source: &Self) {
        self.event_id.clone_from(&source.event_id);
        self.request_id.clone_from(&source.request_id);
        self.kind.clone_from(&source.kind);
        self.op_name.clone_from(&source.op_name);
        self.ctx.clone_from(&source.ctx);
        self.timestamp = source.timestamp;
        self.seq = source.seq;
        self.payload.clone_from(&source.payload);
        self.extra.clone_from(&source.extra);
    }
}

impl TraceEvent {
    /// Ranks events of one timestamp and seq: a group's opening first, then ordinary events, then
    /// a group's summary annotation, then its end.
    pub fn rank(&self) -> u8 {
        match self.kind {
            EventKind::GroupStart => 0,
            EventKind::Annotation if self.op_name.is_none() => 2,
            EventKind::GroupEnd => 3,
            _ => 1,
        }
    }

    /// Reads the payload as its kind says.
    pub fn view(&self) -> View<'_> {
        View::of(&self.kind, &self.payload)
    }

    /// Whether this is the same event as `other`, seen again: equal in id and in content.
    ///
    /// White space between the tokens of a payload does not count, so that a pretty-printed copy
    /// repeats a compact one; any other difference does.
    pub fn is_repeat_of(&self, other: &Self) -> bool {
        self.cmp_position(other).is_eq()
            && self.kind == other.kind
            && self.op_name == other.op_name
            && self.ctx == other.ctx
            && same_json(Some(self.payload.text()), Some(other.payload.text()))
            && same_json(self.extra.as_ref(), other.extra.as_ref())
    }

    /// Compares run, timestamp, seq, rank and event id, without the content.
    pub fn cmp_position(&self, other: &Self) -> Ordering {
        self.request_id
            .cmp(&other.request_id)
            .then_with(|| self.timestamp.cmp(&other.timestamp))
            .then_with(|| self.seq.cmp(&other.seq))
            .then_with(|| self.rank().cmp(&other.rank()))
            .then_with(|| self.event_id.cmp(&other.event_id))
    }

    /// Copies the event's texts out of the chunk that it was read in.
    ///
    /// For keeping a few events of a large chunk, which would otherwise stay in memory with them.
    pub fn detached(&self) -> Self {
        Self {
            event_id: self.event_id.detached(),
            request_id: self.request_id.detached(),
            kind: self.kind.clone(),
            op_name: self.op_name.as_ref().map(Text::detached),
            ctx: self.ctx.clone(),
            timestamp: self.timestamp,
            seq: self.seq,
            payload: self.payload.detached(),
            extra: self.extra.as_ref().map(Text::detached),
        }
    }

    /// Copies the texts of events out of their chunks, into one chunk for all.
    ///
    /// For keeping many events of larger chunks: a chunk for each, as [`TraceEvent::detached`] makes,
    /// would cost more than the copy. The texts must be less than 4 GiB together.
    pub fn detached_together<'e>(events: impl Iterator<Item = &'e Self> + Clone) -> Vec<Self> {
        let mut all = String::with_capacity(events.clone().map(Self::text_bytes).sum());
        let mut run: Option<&Text> = None;
        for event in events.clone() {
            if run != Some(&event.request_id) {
                all.push_str(&event.request_id);
                run = Some(&event.request_id);
            }
            for text in event.texts() {
                all.push_str(text);
            }
        }
        let chunk = Text::new(all);
        let mut at = 0;
        let mut next = |text: &Text| {
            at += text.size();
            chunk.part((at - text.size(), at))
        };
        let mut copies: Vec<Self> = Vec::with_capacity(events.clone().count());
        for event in events {
            let request_id = match copies.last() {
                Some(last) if last.request_id == event.request_id => last.request_id.clone(),
                _ => next(&event.request_id),
            };
            copies.push(Self {
                request_id,
                event_id: next(&event.event_id),
                op_name: event.op_name.as_ref().map(&mut next),
                payload: Payload::from_parts(next(event.payload.text()), *event.payload.slots()),
                extra: event.extra.as_ref().map(&mut next),
                kind: match &event.kind {
                    EventKind::Unknown(name) => EventKind::Unknown(name.detached()),
                    known => known.clone(),
                },
                ctx: event.ctx.clone(),
                timestamp: event.timestamp,
                seq: event.seq,
            });
        }
        copies
    }

    /// The texts but for the run's id, the kind and the path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &Text> {
        [&self.event_id]
            .into_iter()
            .chain(&self.op_name)
            .chain([self.payload.text()])
            .chain(&self.extra)
    }

    /// Returns the bytes of text that this event refers to.
    pub fn text_bytes(&self) -> usize {
        let op_name = self.op_name.as_ref().map_or(0, Text::size);
        let extra = self.extra.as_ref().map_or(0, Text::size);
        let ctx: usize = self.ctx.segments().iter().map(Text::size).sum();
        self.event_id.size()
            + self.request_id.size()
            + op_name
            + ctx
            + self.payload.text().size()
            + extra
    }
}

fn same_json(one: Option<&Text>, other: Option<&Text>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other || compact(one) == compact(other),
        (None, None) => true,
        _ => false,
    }
}

impl Ord for TraceEvent {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_position(other)
            .then_with(|| self.kind.as_str().cmp(other.kind.as_str()))
            .then_with(|| self.op_name.cmp(&other.op_name))
            .then_with(|| self.ctx.cmp(&other.ctx))
            .then_with(|| self.payload.text().cmp(other.payload.text()))
            .then_with(|| self.extra.cmp(&other.extra))
    }
}

impl PartialOrd for TraceEvent {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for TraceEvent {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for TraceEvent {}

impl Hash for TraceEvent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.request_id.hash(state);
        self.timestamp.hash(state);
        self.seq.hash(state);
        self.event_id.hash(state);
        self.payload.text().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctx_paths_escape_their_separator() {
        assert_eq!(Ctx::new(["main", "[0]"]).path(), "main/[0]");
        assert_eq!(Ctx::new(["a/b", "c\\d"]).path(), "a\\/b/c\\\\d");
        assert_eq!(Ctx::default().path(), "");
    }

    fn two_events() -> [TraceEvent; 2] {
        let lines = [
            r#"{"event_id":"1","request_id":"r","kind":"op_end","op_name":"a","ctx":["main"],"timestamp":"2026-11-21T01:00:00Z","seq":0,"payload":{"status":"ok"},"host":"h"}"#,
            r#"{"event_id":"2","request_id":"s","kind":"odd","op_name":null,"ctx":[],"timestamp":"2026-11-21T01:00:01.0000001Z","seq":1,"payload":{"n":1}}"#,
        ];
        let mut reader = crate::wire::WireReader::default();
        lines.map(|line| reader.read(&line.into()).unwrap())
    }

    #[test]
    fn copies_are_the_events_in_one_chunk_of_their_own() {
        let [one, other] = two_events();
        let events = [&one, &one, &other, &one];
        let copies = TraceEvent::detached_together(events.into_iter());
        let text: usize = events.iter().map(|event| event.text_bytes()).sum();
        for (copy, event) in copies.iter().zip(events) {
            assert!(copy == event && copy.is_repeat_of(event));
            assert_eq!(copy.payload.slots(), event.payload.slots());
            assert_eq!(copy.extra, event.extra);
            assert!(copy.payload.text().shares_chunk(&copies[0].event_id));
            assert!(copy.event_id.chunk_len() < text);
        }
        assert!(copies[0].request_id.same_slice(&copies[1].request_id));
        assert!(TraceEvent::detached_together(events[..0].iter().copied()).is_empty());
    }

    #[test]
    fn an_event_cloned_in_place_is_the_event() {
        let [one, other] = two_events();
        let mut event = one.clone();
        for source in [&other, &one] {
            event.clone_from(source);
            assert!(event == *source && event.is_repeat_of(source));
            assert_eq!(event.payload.slots(), source.payload.slots());
        }
    }

    #[test]
    fn kinds_keep_their_wire_names() {
        for kind in EventKind::KNOWN {
            assert_eq!(EventKind::known(kind.as_str()), Some(kind));
        }
        assert_eq!(EventKind::known("op_pause"), None);
    }
}
