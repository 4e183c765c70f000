//! Links: what started a run, noted in the run's own stream.
//!
//! A run that was started by something says so in an annotation with the key [`LINK_KEY`], one for
//! each condition that was satisfied. The fold gathers them in
//! [`RunSummary::links`](crate::span::RunSummary::links).
//!
//! ```json
//! {"kind":"annotation","op_name":null,"payload":{"key":"runtrail.link","value":{
//!   "source":"event","from_event_id":"order-1","from_request_id":"shop-7",
//!   "trigger_run_id":"9f2c","trigger_id":"on-order","condition_id":"order.created",
//!   "at":"2026-11-21T01:00:00.000000Z"}}}
//! ```
//!
//! | key | value |
//! |---|---|
//! | `source` | `event`, `run`, `clock`, or any other word; where missing, told by the ids |
//! | `from_event_id` | the event that satisfied the condition; of `event` only |
//! | `from_request_id` | the run that emitted the event, or the run that satisfied the condition |
//! | `from_id` | the id of any other source |
//! | `trigger_run_id` | the firing of the trigger |
//! | `trigger_id`, `condition_id` | what fired, and which of its conditions was satisfied |
//! | `at` | when the condition was satisfied; the one key that must be there |
//!
//! The run that was started is the one whose stream holds the annotation.

use crate::event::{EventKind, Payload, TraceEvent, View};
use crate::json::{RawJson, push_string};
use crate::text::Text;
use crate::time::Timestamp;

/// The key of the annotations that hold links; reserved.
pub const LINK_KEY: &str = "runtrail.link";

/// One thing that started a run.
///
/// Serialized it is the annotation's value as the [module](self) has it, so that a program that records live
/// notes it with `run.annotate(LINK_KEY, || &link)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "Flat", try_from = "Flat")]
pub struct Link {
    /// What satisfied the condition.
    pub source: Source,
    /// The firing of the trigger that started the run.
    pub trigger_run_id: Option<Text>,
    /// The trigger.
    pub trigger_id: Option<Text>,
    /// The condition of the trigger that was satisfied.
    pub condition_id: Option<Text>,
    /// When it was satisfied.
    pub at: Timestamp,
}

/// What satisfied a condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// An event.
    Event {
        /// The event.
        event_id: Text,
        /// The run that emitted it, where it came from one.
        request_id: Option<Text>,
    },
    /// A run: that it ended, failed, or gave a certain result.
    Run {
        /// The run.
        request_id: Text,
    },
    /// The time of day.
    Clock,
    /// Anything else.
    Other {
        /// What it is, in one word; none of `event`, `run` and `clock`.
        kind: Text,
        /// Which one it is.
        id: Text,
    },
}

impl Source {
    /// Returns what it is, in one word.
    pub fn kind(&self) -> &str {
        match self {
            Self::Event { .. } => "event",
            Self::Run { .. } => "run",
            Self::Clock => "clock",
            Self::Other { kind, .. } => kind,
        }
    }

    /// Returns the event's, the run's or the other source's id; `None` of a clock.
    pub fn id(&self) -> Option<&Text> {
        match self {
            Self::Event { event_id, .. } => Some(event_id),
            Self::Run { request_id } => Some(request_id),
            Self::Clock => None,
            Self::Other { id, .. } => Some(id),
        }
    }

    /// Returns the event that it is.
    pub fn event_id(&self) -> Option<&Text> {
        match self {
            Self::Event { event_id, .. } => Some(event_id),
            _ => None,
        }
    }

    /// Returns the run that it is or that it came from.
    pub fn request_id(&self) -> Option<&Text> {
        match self {
            Self::Event { request_id, .. } => request_id.as_ref(),
            Self::Run { request_id } => Some(request_id),
            Self::Clock | Self::Other { .. } => None,
        }
    }

    /// Reads the keys `source`, `from_event_id`, `from_request_id` and `from_id` of an object.
    ///
    /// `None` where the source is said to be something whose id is missing, or nothing is said.
    pub fn read(object: RawJson<'_>) -> Option<Self> {
        Self::of(|key| text_at(object, key))
    }

    fn of(field: impl Fn(&str) -> Option<Text>) -> Option<Self> {
        let (event_id, request_id) = (field("from_event_id"), field("from_request_id"));
        let kind = field("source").unwrap_or_else(|| {
            let told = if event_id.is_some() { "event" } else { "run" };
            Text::from(told)
        });
        Some(match kind.as_str() {
            "event" => Self::Event {
                event_id: event_id?,
                request_id,
            },
            "run" => Self::Run {
                request_id: request_id?,
            },
            "clock" => Self::Clock,
            _ => Self::Other {
                kind,
                id: field("from_id")?,
            },
        })
    }

    /// Appends the keys that [`Source::read`] reads, without braces around them.
    pub fn write(&self, out: &mut String) {
        out.push_str("\"source\":");
        push_string(out, self.kind());
        push_field(out, "from_event_id", self.event_id());
        push_field(out, "from_request_id", self.request_id());
        if let Self::Other { id, .. } = self {
            push_field(out, "from_id", Some(id));
        }
    }
}

impl Link {
    /// Reads the link that an event holds.
    ///
    /// `None` where the event is another one, or its value is not as the [module](self) says; it is
    /// an annotation like any other then.
    pub fn of_event(event: &TraceEvent) -> Option<Self> {
        match event.view() {
            View::Annotation(note) if is_link_key(note.key?) => Self::read(note.value?),
            _ => None,
        }
    }

    /// Reads the value of an annotation. A time without an offset is read as UTC.
    pub fn read(value: RawJson<'_>) -> Option<Self> {
        let at = text_at(value, "at")?;
        Some(Self {
            source: Source::read(value)?,
            trigger_run_id: text_at(value, "trigger_run_id"),
            trigger_id: text_at(value, "trigger_id"),
            condition_id: text_at(value, "condition_id"),
            at: Timestamp::parse_with(&at, Some(0)).ok()?,
        })
    }

    /// Returns the value of the annotation that holds the link, as JSON.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        self.source.write(&mut json);
        push_field(&mut json, "trigger_run_id", self.trigger_run_id.as_ref());
        push_field(&mut json, "trigger_id", self.trigger_id.as_ref());
        push_field(&mut json, "condition_id", self.condition_id.as_ref());
        json.push_str(",\"at\":\"");
        json.push_str(&self.at.to_string());
        json.push_str("\"}");
        json
    }

    /// Returns the payload of the annotation that holds the link.
    pub fn to_payload(&self) -> Payload {
        let json = format!("{{\"key\":\"{LINK_KEY}\",\"value\":{}}}", self.to_json());
        Payload::new(&EventKind::Annotation, json).unwrap_or_else(Payload::empty)
    }

    /// Returns the bytes of text that the link holds.
    pub fn text_bytes(&self) -> usize {
        let ids = [&self.trigger_run_id, &self.trigger_id, &self.condition_id];
        let ids: usize = ids.iter().map(|id| length(id.as_ref())).sum();
        let source = self.source.id().map_or(0, |id| id.len());
        ids + source + length(self.source.request_id()) + self.source.kind().len()
    }
}

/// A link as it is written.
#[derive(serde::Serialize, serde::Deserialize)]
struct Flat {
    source: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_event_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_request_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trigger_run_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trigger_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    condition_id: Option<Text>,
    at: Text,
}

impl From<Link> for Flat {
    fn from(link: Link) -> Self {
        let source = link.source;
        let from_id = match &source {
            Source::Other { id, .. } => Some(id.clone()),
            _ => None,
        };
        Self {
            source: Some(source.kind().into()),
            from_event_id: source.event_id().cloned(),
            from_request_id: source.request_id().cloned(),
            from_id,
            trigger_run_id: link.trigger_run_id,
            trigger_id: link.trigger_id,
            condition_id: link.condition_id,
            at: link.at.to_string().into(),
        }
    }
}

impl TryFrom<Flat> for Link {
    type Error = &'static str;

    fn try_from(flat: Flat) -> Result<Self, Self::Error> {
        let source = Source::of(|key| match key {
            "source" => flat.source.clone(),
            "from_event_id" => flat.from_event_id.clone(),
            "from_request_id" => flat.from_request_id.clone(),
            _ => flat.from_id.clone(),
        });
        let at = Timestamp::parse_with(&flat.at, Some(0));
        Ok(Self {
            source: source.ok_or("a link does not say what satisfied its condition")?,
            trigger_run_id: flat.trigger_run_id,
            trigger_id: flat.trigger_id,
            condition_id: flat.condition_id,
            at: at.map_err(|_| "the time of a link is none")?,
        })
    }
}

/// Whether an annotation's key is [`LINK_KEY`].
pub(crate) fn is_link_key(key: RawJson<'_>) -> bool {
    key.as_str().is_some_and(|key| key == LINK_KEY)
}

fn length(text: Option<&Text>) -> usize {
    text.map_or(0, |text| text.len())
}

fn text_at(object: RawJson<'_>, key: &str) -> Option<Text> {
    object.get(key).and_then(RawJson::as_str).map(Text::new)
}

fn push_field(out: &mut String, key: &str, value: Option<&Text>) {
    if let Some(value) = value {
        out.push_str(",\"");
        out.push_str(key);
        out.push_str("\":");
        push_string(out, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(value: &str) -> Option<Link> {
        Link::read(RawJson::parse(value).unwrap())
    }

    #[test]
    fn a_source_is_told_by_its_ids_where_nobody_says_what_it_is() {
        let source = |ids: &str| {
            let link = read(&format!(r#"{{{ids}"at":"2026-11-21T01:00:00"}}"#));
            link.map(|link| (link.source.kind().to_owned(), link.source.id().cloned()))
        };
        let is = |kind: &str, id: &str| Some((kind.to_owned(), Some(Text::from(id))));
        assert_eq!(
            source(r#""from_event_id":"e","from_request_id":"r","#),
            is("event", "e")
        );
        assert_eq!(
            source(r#""from_event_id":null,"from_request_id":"r","#),
            is("run", "r")
        );
        assert_eq!(
            source(r#""source":"file","from_id":"/x","#),
            is("file", "/x")
        );
        assert_eq!(
            source(r#""source":"clock","#),
            Some(("clock".to_owned(), None))
        );
        for nobody in [
            "",
            r#""source":"event","from_request_id":"r","#,
            r#""source":"file","#,
        ] {
            assert_eq!(source(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn a_link_without_a_time_is_none() {
        for at in ["", r#","at":null"#, r#","at":"now""#, r#","at":1"#] {
            assert_eq!(read(&format!(r#"{{"source":"clock"{at}}}"#)), None, "{at}");
        }
        assert_eq!(read("[1]"), None);
    }

    fn any_text() -> impl Strategy<Value = Text> {
        "[a-z\"\\\\\u{1f600}\n]{0,8}".prop_map(Text::from)
    }

    proptest! {
        #[test]
        fn a_link_reads_back(
            which in 0..4,
            ids in prop::array::uniform4(any_text()),
            some in prop::array::uniform4(any::<bool>()),
            micros in 0..4_000_000_000_000_000_i64,
        ) {
            let [one, two, three, four] = ids;
            let source = match which {
                0 => Source::Event { event_id: one, request_id: some[0].then_some(two) },
                1 => Source::Run { request_id: one },
                2 => Source::Clock,
                _ => Source::Other { kind: format!("x{one}").into(), id: two },
            };
            let link = Link {
                source,
                trigger_run_id: some[1].then_some(three.clone()),
                trigger_id: some[2].then_some(three),
                condition_id: some[3].then_some(four),
                at: Timestamp::from_parts(micros, (micros % 1000) as u16),
            };
            prop_assert_eq!(read(&link.to_json()), Some(link.clone()));
            // A program that records live has serde write it.
            prop_assert_eq!(serde_json::to_string(&link).unwrap(), link.to_json());
            prop_assert_eq!(&serde_json::from_str::<Link>(&link.to_json()).unwrap(), &link);
            let payload = link.to_payload();
            let Some(View::Annotation(note)) = Some(View::of(&EventKind::Annotation, &payload)) else {
                panic!("an annotation");
            };
            prop_assert_eq!(note.value.and_then(Link::read), Some(link));
        }
    }
}
