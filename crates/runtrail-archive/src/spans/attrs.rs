//! Reading the attributes of a span.

use runtrail_core::event::Ctx;
use runtrail_otlp_wire::model::{Attr, Event, Link, Span, Value, status_code};

/// The attributes of a span, or of one of its events or links.
pub(super) struct Attrs<'a> {
    list: &'a [Attr<'a>],
    /// Whether Runtrail wrote the span.
    ours: bool,
}

/// What the names of attributes begin with that are read for what they mean.
const READ: [&str; 9] = [
    "runtrail.",
    "gen_ai.",
    "llm.",
    "openinference.",
    "input.",
    "output.",
    "error.type",
    "langfuse.",
    "mlflow.",
];

/// What the names of attributes begin with that are a user's notes.
const NOTE: &str = "runtrail.annotation.";

impl<'a> Attrs<'a> {
    pub(super) fn of(span: &'a Span<'_>) -> Self {
        let list = &span.attributes;
        Self {
            ours: list
                .iter()
                .any(|attr| attr.key == "runtrail.mapping.version"),
            list,
        }
    }

    pub(super) fn of_event(event: &'a Event<'_>) -> Self {
        Self {
            list: &event.attributes,
            ours: true,
        }
    }

    pub(super) fn of_link(link: &'a Link<'_>) -> Self {
        Self {
            list: &link.attributes,
            ours: true,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value<'a>> {
        self.list
            .iter()
            .find(|attr| attr.key == key)
            .map(|attr| &attr.value)
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }

    pub(super) fn first(&self, keys: &[&str]) -> Option<&'a Value<'a>> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// The notes: of a span of ours those that it says are, of another all that is not read for what it
    /// means.
    pub(super) fn notes(&self) -> impl Iterator<Item = (&'a str, &'a Value<'a>)> + use<'a> {
        let ours = self.ours;
        self.list.iter().filter_map(move |attr| {
            let key = match attr.key.strip_prefix(NOTE) {
                Some(key) => Some(key),
                None if ours || READ.iter().any(|read| attr.key.starts_with(read)) => None,
                None => Some(&*attr.key),
            };
            Some((key?, &attr.value))
        })
    }

    /// What an op was given or gave back.
    pub(super) fn content(&self, side: &str) -> Option<&'a str> {
        let key = format!("{side}.value");
        self.text(&key)
    }

    pub(super) fn is_ours(&self) -> bool {
        self.ours
    }

    /// How many spans are above it, where Runtrail says so.
    pub(super) fn depth(&self) -> Option<i64> {
        self.get("runtrail.depth")?
            .as_i64()
            .filter(|depth| (1..1 << 32).contains(depth))
    }

    pub(super) fn ctx(&self) -> Ctx {
        match self.get("runtrail.op.ctx") {
            Some(Value::Array(segments)) => Ctx::new(segments.iter().filter_map(Value::as_str)),
            _ => Ctx::default(),
        }
    }

    /// The status, by the word that Runtrail wrote or by OpenTelemetry's code.
    pub(super) fn status(&self, span: &Span<'_>) -> &'a str {
        self.text("runtrail.status")
            .unwrap_or(match span.status.code {
                status_code::ERROR => "error",
                _ => "ok",
            })
    }
}
