//! Events that an engine emitted, in full and as markers.

use runtrail_core::json::push_string;
use runtrail_core::link::{Link, Source};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use crate::query::Cursor;

use super::{Fields, JsonText, LinkRecord, Record, RecordError, push_list, push_text, rest};

/// One event that an engine emitted: what it was, what it matched, what it set off.
///
/// ```
/// use runtrail_trigger::{EventRecord, Record};
///
/// let text = r#"{"event_id":"e1","code":"order.created","timestamp":"2026-11-21T01:00:00",
///     "payload":{"total":1.10},"matched_conditions":null,"shop":"north"}"#;
/// let event = EventRecord::from_json(text)?;
/// assert_eq!(event.timestamp.to_string(), "2026-11-21T01:00:00.000000Z");
/// assert_eq!(event.payload.as_str(), r#"{"total":1.10}"#);
/// assert!(event.to_json().ends_with(r#","shop":"north"}"#));
/// # Ok::<(), runtrail_trigger::RecordError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// The event's identity.
    pub event_id: Text,
    /// What happened, in the engine's words: `order.created`.
    pub code: Text,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The run that emitted it, where it came from one.
    pub request_id: Option<Text>,
    /// What it carries.
    pub payload: JsonText,
    /// The conditions that listen to it. Stores hand them out sorted, each once.
    pub matched_conditions: Vec<Text>,
    /// The conditions that it satisfied. Stores hand them out sorted, each once.
    pub valid_conditions: Vec<Text>,
    /// The runs that it triggered, sorted. Stores read them from their links every time, at most
    /// [`Limit::MAX`](crate::Limit::MAX); [`TriggerStore::links`](crate::TriggerStore::links) says more.
    pub triggered_runs: Vec<Text>,
    /// Fields that this version does not know, as one JSON object.
    pub extra: Option<JsonText>,
}

impl EventRecord {
    /// Makes a record of an event that carries nothing and has matched nothing.
    pub fn new(event_id: impl Into<Text>, code: impl Into<Text>, timestamp: Timestamp) -> Self {
        Self {
            event_id: event_id.into(),
            code: code.into(),
            timestamp,
            request_id: None,
            payload: JsonText::default(),
            matched_conditions: Vec::new(),
            valid_conditions: Vec::new(),
            triggered_runs: Vec::new(),
            extra: None,
        }
    }

    /// Says which run emitted it.
    pub fn emitted_by(mut self, request_id: impl Into<Text>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// Returns the marker that stands for the event in a timeline.
    pub fn marker(&self) -> EventMarker {
        EventMarker {
            event_id: self.event_id.clone(),
            code: self.code.clone(),
            timestamp: self.timestamp,
            matched: self.is_matched(),
            triggered: !self.triggered_runs.is_empty(),
        }
    }

    /// Whether any condition listens to it or was satisfied by it.
    pub fn is_matched(&self) -> bool {
        !(self.matched_conditions.is_empty() && self.valid_conditions.is_empty())
    }

    /// Its place in the order of its store.
    pub(crate) fn place(&self) -> Cursor {
        Cursor {
            timestamp: self.timestamp,
            id: self.event_id.clone(),
        }
    }

    /// The runs that the record says it triggered, as links.
    pub(crate) fn own_links(&self) -> impl Iterator<Item = LinkRecord> {
        self.triggered_runs.iter().map(|run| LinkRecord {
            to_request_id: run.clone(),
            link: Link {
                source: Source::Event {
                    event_id: self.event_id.clone(),
                    request_id: self.request_id.clone(),
                },
                trigger_run_id: None,
                trigger_id: None,
                condition_id: None,
                at: self.timestamp,
            },
        })
    }

    /// Whether what can never change about an event is the same in both.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        self.code == other.code
            && self.timestamp == other.timestamp
            && self.request_id == other.request_id
            && self.payload == other.payload
            && self.extra == other.extra
    }
}

impl Record for EventRecord {
    const PLURAL: &'static str = "events";

    fn write_json(&self, out: &mut String) {
        let texts = |out: &mut String, text: &Text| push_string(out, text);
        out.push_str("{\"event_id\":");
        push_string(out, &self.event_id);
        push_text(out, "code", Some(&self.code));
        push_text(out, "timestamp", Some(&self.timestamp.to_string()));
        push_text(out, "request_id", self.request_id.as_deref());
        out.push_str(",\"payload\":");
        out.push_str(self.payload.as_str());
        push_list(out, "matched_conditions", &self.matched_conditions, texts);
        push_list(out, "valid_conditions", &self.valid_conditions, texts);
        push_list(out, "triggered_runs", &self.triggered_runs, texts);
        rest(out, self.extra.as_ref());
    }

    fn from_json(text: &str) -> Result<Self, RecordError> {
        let mut fields = Fields::parse("the event", text)?;
        Ok(Self {
            event_id: fields.text("event_id")?,
            code: fields.text("code")?,
            timestamp: fields.time("timestamp")?,
            request_id: fields.optional_text("request_id")?,
            payload: fields.take("payload").map(JsonText::of).unwrap_or_default(),
            matched_conditions: fields.texts("matched_conditions")?,
            valid_conditions: fields.texts("valid_conditions")?,
            triggered_runs: fields.texts("triggered_runs")?,
            extra: fields.rest(),
        })
    }
}

/// What an event has matched, to be added to what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matches {
    /// Conditions that listen to it.
    pub matched: Vec<Text>,
    /// Conditions that it satisfied.
    pub valid: Vec<Text>,
}

/// An event in a timeline: everything but what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMarker {
    /// The event.
    pub event_id: Text,
    /// What happened.
    pub code: Text,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Whether any condition listens to it or was satisfied by it.
    pub matched: bool,
    /// Whether it triggered a run.
    pub triggered: bool,
}

impl Record for EventMarker {
    const PLURAL: &'static str = "markers";

    fn write_json(&self, out: &mut String) {
        out.push_str("{\"event_id\":");
        push_string(out, &self.event_id);
        push_text(out, "code", Some(&self.code));
        push_text(out, "timestamp", Some(&self.timestamp.to_string()));
        for (key, flag) in [("matched", self.matched), ("triggered", self.triggered)] {
            out.push_str(&format!(",\"{key}\":{flag}"));
        }
        out.push('}');
    }

    fn from_json(text: &str) -> Result<Self, RecordError> {
        let mut fields = Fields::parse("the marker", text)?;
        Ok(Self {
            event_id: fields.text("event_id")?,
            code: fields.text("code")?,
            timestamp: fields.time("timestamp")?,
            matched: fields.flag("matched")?,
            triggered: fields.flag("triggered")?,
        })
    }
}
