//! Rows of the ops, groups and runs tables.

use runtrail_core::json::push_string;
use runtrail_core::span::{RunSummary, SpanName, SpanRecord};
use runtrail_core::text::Text;

use super::RowBuilder;

/// Appends an op; the order is the schema's. A group is ignored.
pub(crate) fn push_op(rows: &mut RowBuilder, span: &SpanRecord) {
    let SpanName::Op {
        op_name,
        ctx,
        occurrence,
    } = &span.name
    else {
        return;
    };
    rows.text(Some(&span.request_id));
    rows.text(Some(op_name));
    rows.texts(ctx.segments().iter().map(Text::as_str));
    rows.count(*occurrence);
    rows.text(Some(&span.span_id.to_string()));
    rows.text(span.parent_span_id().map(|id| id.to_string()).as_deref());
    rows.text(Some(span.parent_rule.as_str()));
    rows.text(span.group.as_ref().map(|group| group.name.as_str()));
    rows.text(
        span.group
            .as_ref()
            .map(|group| group.span_id.to_string())
            .as_deref(),
    );
    rows.count(u64::from(span.depth));
    rows.time(Some(span.started_at));
    rows.time(span.ended_at);
    rows.float(span.duration_ms);
    rows.text(Some(span.status.as_str()));
    rows.text(span.error.as_ref().and_then(|error| error.kind.as_deref()));
    rows.text(
        span.error
            .as_ref()
            .and_then(|error| error.message.as_deref()),
    );
    rows.count(span.yields.count);
    rows.text(models(span).as_deref());
    rows.integer((span.usage.calls > 0).then_some(span.usage.calls as i64));
    rows.usage(&span.usage);
    rows.text(span.inputs.as_deref());
    rows.text(span.outputs.as_deref());
    rows.text(annotations(span).as_deref());
    rows.text(span.start_event_id.as_deref());
    rows.text(span.end_event_id.as_deref());
    rows.flag(span.missing.is_some());
}

/// Appends a group; an op is ignored.
pub(crate) fn push_group(rows: &mut RowBuilder, span: &SpanRecord) {
    let SpanName::Group { name, occurrence } = &span.name else {
        return;
    };
    rows.text(Some(&span.request_id));
    rows.text(Some(name));
    rows.count(*occurrence);
    rows.text(Some(&span.span_id.to_string()));
    rows.text(span.parent_span_id().map(|id| id.to_string()).as_deref());
    rows.time(Some(span.started_at));
    rows.time(span.ended_at);
    rows.float(span.duration_ms);
    rows.text(Some(span.status.as_str()));
    rows.count(span.ops);
    rows.count(span.errors);
    rows.count(span.usage.calls);
    rows.usage(&span.usage);
    rows.text(span.metadata.as_deref());
    rows.flag(span.missing.is_some());
}

/// Appends a run.
pub(crate) fn push_run(rows: &mut RowBuilder, run: &RunSummary) {
    rows.text(Some(&run.request_id));
    rows.time(Some(run.started_at));
    rows.time(Some(run.ended_at));
    rows.float(Some(run.duration_ms()));
    rows.text(Some(run.status.as_str()));
    rows.count(run.events);
    rows.count(run.ops);
    rows.count(run.errors);
    rows.count(run.groups);
    rows.count(run.truncated_ops);
    rows.count(run.truncated_groups);
    rows.count(run.anomalies.total());
    rows.count(run.usage.calls);
    rows.usage(&run.usage);
    rows.texts(run.usage.models.iter().map(Text::as_str));
}

/// The model of an op's calls, or the models where they differ.
fn models(span: &SpanRecord) -> Option<String> {
    let models: Vec<_> = span.usage.models.iter().map(Text::as_str).collect();
    (!models.is_empty()).then(|| models.join(", "))
}

/// The notes of an op as a JSON array, in the order they were made.
fn annotations(span: &SpanRecord) -> Option<String> {
    if span.annotations.is_empty() {
        return None;
    }
    let mut array = String::new();
    for note in &span.annotations {
        array.push_str(if array.is_empty() {
            "[{\"key\":"
        } else {
            ",{\"key\":"
        });
        push_string(&mut array, &note.key);
        array.push_str(",\"value\":");
        array.push_str(&note.value);
        array.push_str(&format!(",\"timestamp\":\"{}\"}}", note.at));
    }
    array.push(']');
    Some(array)
}
