//! Groups.

use runtrail_core::span::SpanRecord;
use runtrail_otlp_wire::model::{Span, kind};

use super::attrs::Attrs;
use super::kind::Kind;
use super::{Place, llm, note, op, overlay, status, time};
use crate::names::{openinference, otel, runtrail, span_type};

/// Maps a group.
pub(super) fn map<'a>(
    place: &Place<'_>,
    record: &'a SpanRecord,
    name: &'a str,
    occurrence: u64,
) -> Span<'a> {
    let settings = place.settings;
    let (start_nanos, end_nanos) = time::bounds(record);
    let mut attrs = Attrs::new(settings.limits);
    attrs.push(runtrail::SPAN_TYPE, span_type::GROUP);
    attrs.push(runtrail::RUN_ID, &*record.request_id);
    attrs.push(runtrail::GROUP_NAME, name);
    attrs.push(runtrail::GROUP_OCCURRENCE, occurrence);
    op::describe_common(record, &mut attrs);
    attrs.push(openinference::KIND, Kind::Chain.as_str());
    status::describe(record.status, &mut attrs);
    if record.status == runtrail_core::event::Status::Error {
        attrs.push(otel::ERROR_TYPE, otel::ERROR_OTHER);
    }
    attrs.push(runtrail::OPS, record.ops);
    attrs.push(runtrail::ERRORS, record.errors);
    llm::describe_sum(&record.usage, &mut attrs);
    if record.content_dropped > 0 {
        attrs.push(runtrail::CONTENT_DROPPED, record.content_dropped);
    }
    overlay::span(settings, Kind::Chain, None, &mut attrs);
    note::set_metadata(record.metadata.as_deref(), &mut attrs);
    let (attributes, dropped_attributes_count) = attrs.finish();
    Span {
        trace_id: place.trace_id,
        span_id: record.span_id.to_bytes(),
        parent_span_id: Some(place.parent_of(record)),
        name: format!("group {name}").into(),
        kind: kind::INTERNAL,
        start_nanos,
        end_nanos,
        attributes,
        dropped_attributes_count,
        status: status::of(record.status, "", &settings.limits),
        ..Span::default()
    }
}
