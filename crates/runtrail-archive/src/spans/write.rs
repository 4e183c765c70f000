//! Writing payloads.

use std::fmt::Write as _;

use runtrail_core::json::{RawJson, push_string};
use runtrail_otlp_wire::model::{Span, Value};

use super::attrs::Attrs;

/// A JSON object in the making.
#[derive(Debug, Default)]
pub(super) struct Object(String);

impl Object {
    fn key(&mut self, key: &str) -> &mut String {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        push_string(&mut self.0, key);
        self.0.push(':');
        &mut self.0
    }

    pub(super) fn text(&mut self, key: &str, text: &str) -> &mut Self {
        push_string(self.key(key), text);
        self
    }

    pub(super) fn int(&mut self, key: &str, number: i64) -> &mut Self {
        let number = number.to_string();
        self.key(key).push_str(&number);
        self
    }

    /// A number that JSON has no form for is left out.
    pub(super) fn number(&mut self, key: &str, number: f64) -> &mut Self {
        if number.is_finite() {
            let number = number.to_string();
            self.key(key).push_str(&number);
        }
        self
    }

    /// JSON as it is, or as text where it is none, such as a value that was cut.
    pub(super) fn json(&mut self, key: &str, json: Option<&str>) -> &mut Self {
        match json {
            Some(json) if RawJson::parse(json).is_some() => self.key(key).push_str(json),
            Some(text) => push_string(self.key(key), text),
            None => {}
        }
        self
    }

    pub(super) fn value(&mut self, key: &str, value: &Value<'_>) -> &mut Self {
        match value {
            // Lists and objects are JSON text there.
            Value::Str(text) if text.starts_with(['{', '[']) => self.json(key, Some(text)),
            Value::Str(text) => self.text(key, text),
            Value::Int(number) => self.int(key, *number),
            Value::Double(number) => self.number(key, *number),
            Value::Bool(value) => {
                self.key(key)
                    .push_str(if *value { "true" } else { "false" });
                self
            }
            Value::Array(values) => {
                let texts = values.iter().map(|value| match value {
                    Value::Str(text) => quoted(text),
                    Value::Int(number) => number.to_string(),
                    Value::Bool(value) => value.to_string(),
                    Value::Double(number) if number.is_finite() => number.to_string(),
                    _ => "null".to_owned(),
                });
                let list = format!("[{}]", texts.collect::<Vec<_>>().join(","));
                self.key(key).push_str(&list);
                self
            }
            Value::Empty | Value::Map(_) | Value::Bytes(_) => self,
        }
    }

    /// The span's parent, as what opened this one; the run opens nothing.
    pub(super) fn parent(&mut self, span: &Span<'_>, attrs: &Attrs<'_>) -> &mut Self {
        let parent = span
            .parent_span_id
            .filter(|_| attrs.text("runtrail.parent.rule") != Some("run"));
        if let Some(parent) = parent {
            self.text(
                "parent_id",
                &event_id(parent, attrs.depth().map(|own| own - 1), "0"),
            );
        }
        self
    }

    /// The span's own opener, where there is one.
    pub(super) fn opener(&mut self, id: [u8; 8], attrs: &Attrs<'_>) -> &mut Self {
        if attrs.text("runtrail.missing") != Some("start") {
            self.text("opener_id", &event_id(id, attrs.depth(), "0"));
        }
        self
    }

    /// What went wrong: the event of the error, or the status.
    pub(super) fn error(&mut self, span: &Span<'_>, attrs: &Attrs<'_>) -> &mut Self {
        let event = span
            .events
            .iter()
            .rev()
            .find(|event| event.name == "exception");
        let said = event.map(Attrs::of_event);
        let of = |key| said.as_ref().and_then(|said| said.text(key));
        let message = of("exception.message");
        let message = message
            .or((!attrs.is_ours() && !span.status.message.is_empty())
                .then_some(&*span.status.message));
        let kind = of("exception.type");
        if event.is_none() && message.is_none() {
            return self;
        }
        let mut error = Self::default();
        if let Some(kind) = kind {
            error.text("type", kind);
        }
        if let Some(message) = message {
            error.text("message", message);
        }
        let error = error.finish();
        self.key("error").push_str(&error);
        self
    }

    pub(super) fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// The usage that a span reports, under the names of GenAI or of OpenInference.
pub(super) fn usage(attrs: &Attrs<'_>) -> Option<Object> {
    let mut usage = Object::default();
    let model = attrs.first(&[
        "gen_ai.response.model",
        "gen_ai.request.model",
        "llm.model_name",
    ]);
    let names: [(&str, &[&str]); 3] = [
        (
            "prompt_tokens",
            &[
                "gen_ai.usage.input_tokens",
                "gen_ai.usage.prompt_tokens",
                "llm.token_count.prompt",
            ],
        ),
        (
            "completion_tokens",
            &[
                "gen_ai.usage.output_tokens",
                "gen_ai.usage.completion_tokens",
                "llm.token_count.completion",
            ],
        ),
        (
            "total_tokens",
            &["gen_ai.usage.total_tokens", "llm.token_count.total"],
        ),
    ];
    let is_call = attrs.get("runtrail.span.type").is_some()
        && attrs.text("gen_ai.operation.name") == Some("chat");
    let mut any = is_call;
    if let Some(model) = model.and_then(Value::as_str) {
        usage.text("model", model);
    }
    for (key, names) in names {
        if let Some(count) = attrs.first(names).and_then(Value::as_i64) {
            any = true;
            usage.int(key, count);
        }
    }
    if let Some(cost) = attrs
        .first(&["runtrail.cost.usd", "llm.cost.total"])
        .and_then(Value::as_f64)
    {
        any = true;
        usage.number("cost_usd", cost);
    }
    any.then_some(usage)
}

/// The id of an event of a span. Events of one moment come in the order of their ids: what is deeper
/// opened later.
pub(super) fn event_id(span_id: [u8; 8], depth: Option<i64>, suffix: &str) -> String {
    match depth {
        Some(depth) => format!("{depth:06}-{}-{suffix}", hex(&span_id)),
        None => format!("{}-{suffix}", hex(&span_id)),
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    push_string(&mut out, text);
    out
}
