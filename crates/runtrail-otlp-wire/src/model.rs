//! The messages.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::json::{hex, maybe_hex, number, or_default};

/// Spans on their way to a receiver, or as a file's line: `ExportTraceServiceRequest`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request<'a> {
    /// The spans of each resource.
    #[serde(borrow, deserialize_with = "or_default")]
    pub resource_spans: Vec<ResourceSpans<'a>>,
}

impl<'a> Request<'a> {
    /// Makes a request of spans without a resource and a scope.
    pub fn of_spans(spans: Vec<Span<'a>>) -> Self {
        let scope_spans = ScopeSpans {
            spans,
            ..ScopeSpans::default()
        };
        Self {
            resource_spans: vec![ResourceSpans {
                scope_spans: vec![scope_spans],
                ..ResourceSpans::default()
            }],
        }
    }

    /// Returns the spans of all resources and scopes.
    pub fn spans(&self) -> impl Iterator<Item = &Span<'a>> {
        let scopes = self.resource_spans.iter().flat_map(|r| &r.scope_spans);
        scopes.flat_map(|scope| &scope.spans)
    }
}

/// The spans of one resource.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceSpans<'a> {
    /// What the spans come from.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "Resource::is_empty"
    )]
    pub resource: Resource<'a>,
    /// The spans of each scope.
    #[serde(borrow, deserialize_with = "or_default")]
    pub scope_spans: Vec<ScopeSpans<'a>>,
    /// The URL of the schema of the resource.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub schema_url: Cow<'a, str>,
}

/// What spans come from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resource<'a> {
    /// What is known of it.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub attributes: Vec<Attr<'a>>,
    /// How many attributes were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
}

impl Resource<'_> {
    fn is_empty(&self) -> bool {
        *self == Resource::default()
    }
}

/// The spans of one scope.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScopeSpans<'a> {
    /// What made the spans.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "Scope::is_empty"
    )]
    pub scope: Scope<'a>,
    /// The spans.
    #[serde(borrow, deserialize_with = "or_default")]
    pub spans: Vec<Span<'a>>,
    /// The URL of the schema of the spans.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub schema_url: Cow<'a, str>,
}

/// What made spans.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope<'a> {
    /// Its name.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub name: Cow<'a, str>,
    /// Its version.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub version: Cow<'a, str>,
    /// What else is known of it.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub attributes: Vec<Attr<'a>>,
    /// How many attributes were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
}

impl Scope<'_> {
    fn is_empty(&self) -> bool {
        *self == Scope::default()
    }
}

/// One span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Span<'a> {
    /// The trace; all zero is no id.
    #[serde(with = "hex")]
    pub trace_id: [u8; 16],
    /// The span; all zero is no id.
    #[serde(with = "hex")]
    pub span_id: [u8; 8],
    /// W3C trace state.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub trace_state: Cow<'a, str>,
    /// The parent; `None` for a root.
    #[serde(with = "maybe_hex", skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<[u8; 8]>,
    /// W3C trace flags, and whether the parent is remote.
    #[serde(skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// What it is called.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub name: Cow<'a, str>,
    /// See [`kind`].
    #[serde(skip_serializing_if = "is_zero_i32")]
    pub kind: i32,
    /// When it began, in nanoseconds since 1970.
    #[serde(
        rename = "startTimeUnixNano",
        with = "number",
        skip_serializing_if = "is_zero_u64"
    )]
    pub start_nanos: u64,
    /// When it ended, in nanoseconds since 1970.
    #[serde(
        rename = "endTimeUnixNano",
        with = "number",
        skip_serializing_if = "is_zero_u64"
    )]
    pub end_nanos: u64,
    /// What is known of it.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub attributes: Vec<Attr<'a>>,
    /// How many attributes were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// What happened in it.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub events: Vec<Event<'a>>,
    /// How many events were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_events_count: u32,
    /// The spans that it has to do with.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub links: Vec<Link<'a>>,
    /// How many links were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_links_count: u32,
    /// How it ended.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "SpanStatus::is_unset"
    )]
    pub status: SpanStatus<'a>,
}

/// The kinds of spans.
pub mod kind {
    /// Within the program.
    pub const INTERNAL: i32 = 1;
    /// Serves a request.
    pub const SERVER: i32 = 2;
    /// Asks another program.
    pub const CLIENT: i32 = 3;
}

/// How a span ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SpanStatus<'a> {
    /// What went wrong.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub message: Cow<'a, str>,
    /// See [`status_code`].
    #[serde(skip_serializing_if = "is_zero_i32")]
    pub code: i32,
}

impl SpanStatus<'_> {
    fn is_unset(&self) -> bool {
        *self == SpanStatus::default()
    }
}

/// The codes of a status.
pub mod status_code {
    /// Nothing was said.
    pub const UNSET: i32 = 0;
    /// All went well.
    pub const OK: i32 = 1;
    /// Something went wrong.
    pub const ERROR: i32 = 2;
}

/// Something that happened in a span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event<'a> {
    /// When, in nanoseconds since 1970.
    #[serde(
        rename = "timeUnixNano",
        with = "number",
        skip_serializing_if = "is_zero_u64"
    )]
    pub time_nanos: u64,
    /// What.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub name: Cow<'a, str>,
    /// What is known of it.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub attributes: Vec<Attr<'a>>,
    /// How many attributes were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
}

/// Another span that a span has to do with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Link<'a> {
    /// The other span's trace.
    #[serde(with = "hex")]
    pub trace_id: [u8; 16],
    /// The other span.
    #[serde(with = "hex")]
    pub span_id: [u8; 8],
    /// W3C trace state.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub trace_state: Cow<'a, str>,
    /// What they have to do with each other.
    #[serde(
        borrow,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub attributes: Vec<Attr<'a>>,
    /// How many attributes were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// W3C trace flags.
    #[serde(skip_serializing_if = "is_zero")]
    pub flags: u32,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attr<'a> {
    /// The key.
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// The value.
    #[serde(borrow, deserialize_with = "or_default")]
    pub value: Value<'a>,
}

impl<'a> Attr<'a> {
    /// Makes an attribute.
    pub fn new(key: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value<'a> {
    /// No value.
    #[default]
    Empty,
    /// Text.
    Str(Cow<'a, str>),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Values in order.
    Array(Vec<Value<'a>>),
    /// Values by key.
    Map(Vec<Attr<'a>>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

impl Value<'_> {
    /// Returns the text of a text value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a whole number, also one that is written as a number with a fraction of zero.
    pub fn as_i64(&self) -> Option<i64> {
        // 2^53 is where a float stops telling neighbouring integers apart.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Self::Int(number) => Some(*number),
            Self::Double(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
                Some(*number as i64)
            }
            _ => None,
        }
    }

    /// Returns a finite number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Double(number) => number.is_finite().then_some(*number),
            _ => None,
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Str(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value<'_> {
    /// A number that does not fit is cut to the largest that does.
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

// Serde hands a reference to what it asks about.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero_i32(code: &i32) -> bool {
    *code == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero_u64(nanos: &u64) -> bool {
    *nanos == 0
}
