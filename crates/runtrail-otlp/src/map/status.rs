//! How a span ended.

use runtrail_core::event::Status;
use runtrail_core::span::SpanRecord;
use runtrail_otlp_wire::model::{Event, SpanStatus, Value, status_code};

use super::MapLimits;
use super::attrs::{Attrs, cut, fit};
use crate::names::{otel, runtrail};

/// Writes what attributes say of a status.
pub(super) fn describe(status: Status, attrs: &mut Attrs<'_>) {
    attrs.push(runtrail::STATUS, status.as_str());
    if status == Status::Truncated {
        attrs.push(runtrail::INCOMPLETE, true);
    }
}

/// Returns OpenTelemetry's status; cancelled and truncated have none there.
pub(super) fn of<'a>(status: Status, message: &'a str, limits: &MapLimits) -> SpanStatus<'a> {
    match status {
        Status::Ok => SpanStatus {
            code: status_code::OK,
            ..SpanStatus::default()
        },
        Status::Error => SpanStatus {
            code: status_code::ERROR,
            message: cut(message.into(), limits.message_bytes),
        },
        Status::Cancelled | Status::Truncated => SpanStatus::default(),
    }
}

/// Writes an op's error, and returns its status and the event of the error.
pub(super) fn of_op<'a>(
    record: &'a SpanRecord,
    end_nanos: u64,
    limits: &MapLimits,
    attrs: &mut Attrs<'a>,
) -> (SpanStatus<'a>, Option<Event<'a>>) {
    describe(record.status, attrs);
    let error = record.error.as_ref();
    let message = error.and_then(|error| error.message.as_deref());
    let kind = error.and_then(|error| error.kind.as_deref());
    if record.status == Status::Error {
        attrs.push(otel::ERROR_TYPE, kind.unwrap_or(otel::ERROR_OTHER));
    }
    let event = error.map(|_| {
        let parts = [
            (otel::EXCEPTION_TYPE, kind),
            (otel::EXCEPTION_MESSAGE, message),
        ];
        let parts = parts.into_iter().filter_map(|(key, text)| {
            Some(runtrail_otlp_wire::model::Attr {
                key: key.into(),
                value: fit(Value::from(text?), limits.value_bytes),
            })
        });
        Event {
            time_nanos: end_nanos,
            name: otel::EXCEPTION.into(),
            attributes: parts.collect(),
            dropped_attributes_count: 0,
        }
    });
    let said = message.or(kind).unwrap_or_default();
    (of(record.status, said, limits), event)
}
