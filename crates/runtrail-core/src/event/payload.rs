//! An event's payload: its text as it came, and the typed fields that Runtrail reads.

use std::borrow::Cow;

use super::EventKind;
use crate::json::{RawJson, Scanner};
use crate::text::Text;

/// The most fields that Runtrail reads of any kind.
pub const MAX_SLOTS: usize = 6;

/// Where the fields that Runtrail reads stand in a payload's text, as byte ranges in an order that
/// the event's kind fixes; an empty range means absent.
pub type Slots = [(u32, u32); MAX_SLOTS];

/// Returns the payload keys that Runtrail reads of a kind, in slot order.
pub(crate) fn slot_keys(kind: &EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::OpStart => &["inputs", "parent_id"],
        EventKind::OpEnd => &[
            "outputs",
            "status",
            "duration_ms",
            "yield_count",
            "error",
            "opener_id",
        ],
        EventKind::OpYield => &["yielded", "idx", "opener_id"],
        EventKind::Annotation => &["key", "value", "opener_id"],
        EventKind::GroupStart => &["name", "parent_id"],
        EventKind::GroupEnd => &["name", "status", "opener_id"],
        EventKind::LlmUsage => &[
            "model",
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "cost_usd",
            "opener_id",
        ],
        EventKind::MediaRef => &["handle", "mime", "size_bytes", "opener_id"],
        EventKind::Unknown(_) => &[],
    }
}

/// A payload: one JSON object, its text untouched.
///
/// Numbers of any size, key order, repeated keys and white space are as the producer wrote them.
/// [`TraceEvent::view`](super::TraceEvent::view) gives the typed fields.
#[derive(Debug)]
pub struct Payload {
    text: Text,
    slots: Slots,
}

impl Clone for Payload {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            slots: self.slots,
        }
    }

    fn clone_from(&mut self, source: &Self) {
        self.text.clone_from(&source.text);
        self.slots = source.slots;
    }
}

impl Payload {
    /// Takes over a payload's text, for events that are made rather than read.
    ///
    /// `None` where the text is not one JSON object, or nests deeper than 128 levels.
    pub fn new(kind: &EventKind, text: impl Into<Text>) -> Option<Self> {
        let text = text.into();
        let object = RawJson::parse(&text)?;
        object.as_object()?;
        let text = text.slice(
            offset_in(&text, object.text())..offset_in(&text, object.text()) + object.text().len(),
        );
        Some(Self::found(kind, text))
    }

    /// Takes over a payload's text as [`Payload::new`] does, nested as deep as `max_depth` levels (at
    /// most 1024): for stores that keep payloads which a reader with that limit has read.
    pub fn stored(kind: &EventKind, text: Text, max_depth: usize) -> Option<Self> {
        let mut scanner = Scanner::new(text.as_bytes(), 0, max_depth);
        let mut slots = Slots::default();
        let whole =
            |scanner: &Scanner<'_>| scanner.pos() == text.len() && scanner.odds().is_empty();
        if scan_object(&mut scanner, kind, &mut slots).is_some() && whole(&scanner) {
            return Some(Self { text, slots });
        }
        // Escapes in a key are not plain, and no damage.
        let mut scanner = Scanner::new(text.as_bytes(), 0, max_depth);
        let is_object = text.starts_with('{') && scanner.value().is_ok() && whole(&scanner);
        is_object.then(|| Self::found(kind, text))
    }

    /// The payload `{}`, which stands for a missing one.
    pub fn empty() -> Self {
        Self {
            text: Text::new("{}"),
            slots: Slots::default(),
        }
    }

    /// Takes over the text of an object that has been validated.
    pub(crate) fn found(kind: &EventKind, text: Text) -> Self {
        let slots = slots_of(kind, &text);
        Self { text, slots }
    }

    /// Puts a payload together from its text and the field positions that [`Payload::slots`] gave
    /// for it, without scanning the text again.
    ///
    /// For stores that keep both side by side. Positions that are not in the text read as missing;
    /// positions of another text read as whatever stands there.
    pub fn from_parts(text: Text, slots: Slots) -> Self {
        Self { text, slots }
    }

    /// Copies the payload's text out of its chunk.
    pub fn detached(&self) -> Self {
        Self {
            text: self.text.detached(),
            slots: self.slots,
        }
    }

    /// Returns where the fields that Runtrail reads stand in the text.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Returns the payload's text.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// Returns the payload as a JSON value.
    pub fn raw(&self) -> RawJson<'_> {
        RawJson::trusted(self.text.as_str().trim_matches([' ', '\t', '\r', '\n']))
    }

    /// Returns a value of this payload as text that shares the payload's chunk.
    pub fn share(&self, value: RawJson<'_>) -> Text {
        self.text.share(value.text())
    }

    #[inline]
    fn slot(&self, index: usize) -> Option<RawJson<'_>> {
        let (start, end) = self.slots[index];
        if start >= end {
            return None;
        }
        self.text.get_part((start, end)).map(RawJson::trusted)
    }
}

/// Finds a kind's fields in the text of an object, whatever way its keys are written.
pub(crate) fn slots_of(kind: &EventKind, object: &str) -> Slots {
    let keys = slot_keys(kind);
    let mut slots = Slots::default();
    for (key, value) in RawJson::trusted(object).as_object().into_iter().flatten() {
        if let Some(slot) = keys.iter().position(|k| *k == key) {
            let start = offset_in(object, value.text());
            slots[slot] = (start as u32, (start + value.text().len()) as u32);
        }
    }
    slots
}

/// Where `part`, a slice of `whole`, begins in it.
pub(crate) fn offset_in(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

/// Scans the object at the cursor and notes where a kind's fields stand, relative to the object's
/// start. Stops with `None` at anything that is not plain: broken JSON, escapes in a key.
pub(crate) fn scan_object(
    scanner: &mut Scanner<'_>,
    kind: &EventKind,
    slots: &mut Slots,
) -> Option<()> {
    // The envelope and the payload itself are the two levels around every field.
    const OUTER: usize = 2;
    let keys = slot_keys(kind);
    scanner.space();
    let base = scanner.pos();
    scanner.expect(b'{', "an object").ok()?;
    scanner.space();
    if scanner.peek() == Some(b'}') {
        scanner.bump();
        return Some(());
    }
    loop {
        scanner.space();
        let key = scanner.plain_string()?;
        let name = scanner.slice(key);
        let slot = keys.iter().position(|k| k.as_bytes() == name);
        scanner.space();
        scanner.expect(b':', "`:`").ok()?;
        scanner.space();
        let start = scanner.pos();
        scanner.value_inside(OUTER).ok()?;
        if let Some(slot) = slot {
            slots[slot] = ((start - base) as u32, (scanner.pos() - base) as u32);
        }
        scanner.space();
        match scanner.peek()? {
            b',' => scanner.bump(),
            b'}' => {
                scanner.bump();
                return Some(());
            }
            _ => return None,
        }
    }
}

/// A payload read as its kind says.
///
/// A field is `None` where it is missing. Fields whose type may be wrong in the source are
/// [`RawJson`]; their accessors give `None` where the value does not fit.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// Of [`EventKind::OpStart`].
    OpStart(OpStart<'a>),
    /// Of [`EventKind::OpEnd`].
    OpEnd(OpEnd<'a>),
    /// Of [`EventKind::OpYield`].
    OpYield(OpYield<'a>),
    /// Of [`EventKind::Annotation`].
    Annotation(Annotation<'a>),
    /// Of [`EventKind::GroupStart`].
    GroupStart(GroupStart<'a>),
    /// Of [`EventKind::GroupEnd`].
    GroupEnd(GroupEnd<'a>),
    /// Of [`EventKind::LlmUsage`].
    LlmUsage(LlmUsage<'a>),
    /// Of [`EventKind::MediaRef`].
    MediaRef(MediaRef<'a>),
    /// Of a kind that this version does not know.
    Unknown,
}

/// The fields of an `op_start`.
#[derive(Debug, Clone, Copy)]
pub struct OpStart<'a> {
    /// What the op was given.
    pub inputs: Option<RawJson<'a>>,
    /// The event id of the opener that this op was opened in.
    pub parent_id: Option<RawJson<'a>>,
}

/// The fields of an `op_end`.
#[derive(Debug, Clone, Copy)]
pub struct OpEnd<'a> {
    /// What the op gave back.
    pub outputs: Option<RawJson<'a>>,
    /// How it ended, one of [`Status`](super::Status)'s names.
    pub status: Option<RawJson<'a>>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<RawJson<'a>>,
    /// How many items it yielded.
    pub yield_count: Option<RawJson<'a>>,
    /// What went wrong: an object with `type` and `message`.
    pub error: Option<RawJson<'a>>,
    /// The event id of the `op_start` that this closes.
    pub opener_id: Option<RawJson<'a>>,
}

/// What an op's error says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorInfo<'a> {
    /// The error's type, such as an exception's class name.
    pub kind: Option<Cow<'a, str>>,
    /// The error's message.
    pub message: Option<Cow<'a, str>>,
}

impl<'a> OpEnd<'a> {
    /// Reads `error`: an object's `type` and `message`, or a bare string as the message.
    pub fn error_info(&self) -> Option<ErrorInfo<'a>> {
        let error = self.error.filter(|error| !error.is_null())?;
        if error.as_object().is_none() {
            return Some(ErrorInfo {
                kind: None,
                message: Some(error.as_str().unwrap_or(error.text().into())),
            });
        }
        let field = |name| error.get(name).and_then(RawJson::as_str);
        Some(ErrorInfo {
            kind: field("type"),
            message: field("message"),
        })
    }
}

/// The fields of an `op_yield`.
#[derive(Debug, Clone, Copy)]
pub struct OpYield<'a> {
    /// The item.
    pub yielded: Option<RawJson<'a>>,
    /// The item's absolute index, from 0.
    pub idx: Option<RawJson<'a>>,
    /// The event id of the generator's `op_start`.
    pub opener_id: Option<RawJson<'a>>,
}

/// The fields of an `annotation`.
#[derive(Debug, Clone, Copy)]
pub struct Annotation<'a> {
    /// The note's name.
    pub key: Option<RawJson<'a>>,
    /// The note.
    pub value: Option<RawJson<'a>>,
    /// The event id of the opener that it belongs to.
    pub opener_id: Option<RawJson<'a>>,
}

/// The fields of a `group_start`; every other key of its payload is metadata.
#[derive(Debug, Clone, Copy)]
pub struct GroupStart<'a> {
    /// The group's name.
    pub name: Option<RawJson<'a>>,
    /// The event id of the opener that this group was opened in.
    pub parent_id: Option<RawJson<'a>>,
}

/// The fields of a `group_end`.
#[derive(Debug, Clone, Copy)]
pub struct GroupEnd<'a> {
    /// The group's name.
    pub name: Option<RawJson<'a>>,
    /// How it ended.
    pub status: Option<RawJson<'a>>,
    /// The event id of the `group_start` that this closes.
    pub opener_id: Option<RawJson<'a>>,
}

/// The fields of an `llm_usage`.
#[derive(Debug, Clone, Copy)]
pub struct LlmUsage<'a> {
    /// The model that was called.
    pub model: Option<RawJson<'a>>,
    /// Tokens sent.
    pub prompt_tokens: Option<RawJson<'a>>,
    /// Tokens received.
    pub completion_tokens: Option<RawJson<'a>>,
    /// Tokens in all.
    pub total_tokens: Option<RawJson<'a>>,
    /// What it cost in US dollars; missing where the engine did not know.
    pub cost_usd: Option<RawJson<'a>>,
    /// The event id of the op's `op_start`.
    pub opener_id: Option<RawJson<'a>>,
}

/// The fields of a `media_ref`.
#[derive(Debug, Clone, Copy)]
pub struct MediaRef<'a> {
    /// The key of the bytes in a media store.
    pub handle: Option<RawJson<'a>>,
    /// The media type.
    pub mime: Option<RawJson<'a>>,
    /// The size in bytes.
    pub size_bytes: Option<RawJson<'a>>,
    /// The event id of the op's `op_start`.
    pub opener_id: Option<RawJson<'a>>,
}

impl<'a> View<'a> {
    pub(crate) fn of(kind: &EventKind, payload: &'a Payload) -> Self {
        Self::read::<true>(kind, payload)
    }

    /// Reads all but what only the user reads (inputs, outputs, items, notes, media), which are
    /// `None` here. To find a value's bounds its text is looked at, wherever in memory it is.
    pub(crate) fn without_content(kind: &EventKind, payload: &'a Payload) -> Self {
        Self::read::<false>(kind, payload)
    }

    #[inline]
    fn read<const CONTENT: bool>(kind: &EventKind, payload: &'a Payload) -> Self {
        let at = |index| payload.slot(index);
        let content = |index| if CONTENT { payload.slot(index) } else { None };
        match kind {
            EventKind::OpStart => View::OpStart(OpStart {
                inputs: content(0),
                parent_id: at(1),
            }),
            EventKind::OpEnd => View::OpEnd(OpEnd {
                outputs: content(0),
                status: at(1),
                duration_ms: at(2),
                yield_count: at(3),
                error: at(4),
                opener_id: at(5),
            }),
            EventKind::OpYield => View::OpYield(OpYield {
                yielded: content(0),
                idx: at(1),
                opener_id: at(2),
            }),
            EventKind::Annotation => View::Annotation(Annotation {
                key: at(0),
                value: content(1),
                opener_id: at(2),
            }),
            EventKind::GroupStart => View::GroupStart(GroupStart {
                name: at(0),
                parent_id: at(1),
            }),
            EventKind::GroupEnd => View::GroupEnd(GroupEnd {
                name: at(0),
                status: at(1),
                opener_id: at(2),
            }),
            EventKind::LlmUsage => View::LlmUsage(LlmUsage {
                model: at(0),
                prompt_tokens: at(1),
                completion_tokens: at(2),
                total_tokens: at(3),
                cost_usd: at(4),
                opener_id: at(5),
            }),
            EventKind::MediaRef => View::MediaRef(MediaRef {
                handle: content(0),
                mime: content(1),
                size_bytes: content(2),
                opener_id: at(3),
            }),
            EventKind::Unknown(_) => View::Unknown,
        }
    }

    /// The event id of the opener that this event says it belongs to.
    pub fn opener_id(&self) -> Option<Cow<'a, str>> {
        match self {
            View::OpEnd(v) => v.opener_id,
            View::OpYield(v) => v.opener_id,
            View::Annotation(v) => v.opener_id,
            View::GroupEnd(v) => v.opener_id,
            View::LlmUsage(v) => v.opener_id,
            View::MediaRef(v) => v.opener_id,
            View::OpStart(_) | View::GroupStart(_) | View::Unknown => None,
        }
        .and_then(RawJson::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_payload_is_checked_and_its_fields_are_found() {
        let stored = |text: &str, depth| Payload::stored(&EventKind::OpEnd, text.into(), depth);
        let status = |text: &str| {
            let payload = stored(text, 128).unwrap();
            let View::OpEnd(end) = View::of(&EventKind::OpEnd, &payload) else {
                panic!("not an end");
            };
            end.status.map(|status| status.text().to_owned())
        };
        assert_eq!(
            status(r#"{"outputs":[1],"status":"ok"}"#).as_deref(),
            Some("\"ok\"")
        );
        assert_eq!(status(r#"{"\u0073tatus":"ok"}"#).as_deref(), Some("\"ok\""));
        assert_eq!(
            status(r#"{"a":1, "status" : "error" }"#).as_deref(),
            Some("\"error\"")
        );
        for damaged in [
            "",
            "[]",
            "{",
            "{}x",
            r#"{"a":NaN}"#,
            r#"{"a":"\ud800"}"#,
            "null",
        ] {
            assert!(stored(damaged, 128).is_none(), "{damaged}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert!(stored(&deep, 128).is_none() && stored(&deep, 256).is_some());
    }
}
