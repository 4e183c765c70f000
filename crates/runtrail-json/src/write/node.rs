//! One span's fields.

use runtrail_core::span::{MissingEnd, Parent, SpanName, SpanRecord, Yields};

use super::json::Json;
use super::summary::usage;
use crate::words::status_text;

/// Writes a span up to its children.
pub(super) fn begin_node(span: &SpanRecord, json: &mut Json) {
    json.begin('{');
    identity(span, json);
    state(span, json);
    if span.yields.seen > 0 || span.yields.count > 1 {
        yields(&span.yields, json);
    }
    if !span.is_op() {
        json.number_field("ops", span.ops);
        json.number_field("errors", span.errors);
    }
    if span.usage.calls > 0 {
        usage(&span.usage, json);
    }
    content(span, json);
    json.key("children");
    json.begin('[');
}

/// Ends what [`begin_node`] began.
pub(super) fn end_node(json: &mut Json) {
    json.end(']');
    json.end('}');
}

fn identity(span: &SpanRecord, json: &mut Json) {
    json.string_field("type", if span.is_op() { "op" } else { "group" });
    json.string_field("name", span.label());
    match &span.name {
        SpanName::Op {
            ctx, occurrence, ..
        } => {
            json.key("ctx");
            json.begin_inline('[');
            for segment in ctx.segments() {
                json.string(segment);
            }
            json.end_inline(']');
            json.number_field("occurrence", occurrence);
        }
        SpanName::Group { occurrence, .. } => json.number_field("occurrence", occurrence),
    }
    json.string_field("span_id", &span.span_id.to_string());
    json.string_field("parent_rule", span.parent_rule.as_str());
    // An op knows its group also where it hangs below something else.
    if let Some(group) = span
        .group
        .as_ref()
        .filter(|group| span.parent != Parent::Group(group.span_id))
    {
        json.key("group");
        json.begin_inline('{');
        json.string_field("name", &group.name);
        json.string_field("span_id", &group.span_id.to_string());
        json.end_inline('}');
    }
}

fn state(span: &SpanRecord, json: &mut Json) {
    json.string_field("status", span.status.as_str());
    json.text_field(
        "incomplete",
        span.missing.map(|end| match end {
            MissingEnd::Start => "no_start",
            MissingEnd::End => "no_end",
        }),
    );
    if let Some(text) = status_text(span) {
        json.string_field("status_text", text);
    }
    json.string_field("started_at", &span.started_at.to_string());
    json.text_field(
        "ended_at",
        span.ended_at.map(|ended| ended.to_string()).as_deref(),
    );
    json.float_field("duration_ms", span.duration_ms);
    if let Some(error) = &span.error {
        json.key("error");
        json.begin_inline('{');
        json.text_field("type", error.kind.as_deref());
        json.text_field("message", error.message.as_deref());
        json.end_inline('}');
    }
}

fn yields(yields: &Yields, json: &mut Json) {
    json.key("yields");
    json.begin('{');
    json.number_field("count", yields.count);
    json.number_field("seen", yields.seen);
    json.count_field("first_index", yields.first_index);
    json.count_field("last_index", yields.last_index);
    json.text_field(
        "first_at",
        yields.first_at.map(|at| at.to_string()).as_deref(),
    );
    json.text_field(
        "last_at",
        yields.last_at.map(|at| at.to_string()).as_deref(),
    );
    json.raw_field("last_value", yields.last_value.as_deref());
    json.end('}');
}

fn content(span: &SpanRecord, json: &mut Json) {
    json.raw_field("inputs", span.inputs.as_deref());
    json.raw_field("outputs", span.outputs.as_deref());
    if !span.annotations.is_empty() {
        json.key("annotations");
        json.begin('[');
        for note in &span.annotations {
            json.begin_inline('{');
            json.string_field("key", &note.key);
            json.string_field("at", &note.at.to_string());
            json.raw_field("value", Some(&note.value));
            json.end_inline('}');
        }
        json.end(']');
    }
    json.raw_field("metadata", span.metadata.as_deref());
    if !span.media.is_empty() {
        json.key("media");
        json.begin('[');
        for media in &span.media {
            json.begin_inline('{');
            json.text_field("handle", media.handle.as_deref());
            json.text_field("mime", media.mime.as_deref());
            json.count_field("size_bytes", media.size_bytes);
            json.end_inline('}');
        }
        json.end(']');
    }
    if span.content_dropped > 0 {
        json.number_field("content_dropped", span.content_dropped);
    }
}
