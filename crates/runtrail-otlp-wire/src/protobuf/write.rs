//! Writing.

use crate::model::{Attr, Event, Link, Resource, Scope, Span, SpanStatus, Value};

/// What stands around spans in a request: resource, scope and schema.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    resource: Vec<u8>,
    scope: Vec<u8>,
    schema: Vec<u8>,
}

impl Envelope {
    /// Prepares the requests of a resource and a scope.
    pub fn new(resource: &Resource<'_>, scope: &Scope<'_>, schema_url: &str) -> Self {
        let mut envelope = Self::default();
        message(&mut envelope.resource, 1, |out| {
            attributes(out, 1, &resource.attributes);
            count(out, 2, resource.dropped_attributes_count);
        });
        message(&mut envelope.scope, 1, |out| {
            text(out, 1, &scope.name);
            text(out, 2, &scope.version);
            attributes(out, 3, &scope.attributes);
            count(out, 4, scope.dropped_attributes_count);
        });
        text(&mut envelope.schema, 3, schema_url);
        envelope
    }

    /// Returns a bound on the bytes that a request has beyond its spans.
    pub fn overhead(&self) -> usize {
        // Two tags with lengths of at most five bytes: requests are far below 4 GiB.
        self.resource.len() + self.scope.len() + self.schema.len() + 2 * 6
    }

    /// Puts a request together of spans that were written as fields.
    pub fn request(&self, span_fields: &[u8]) -> Vec<u8> {
        let (head, tail) = self.around(span_fields.len());
        [&head, span_fields, tail].concat()
    }

    /// Returns what comes before and after spans that were written as so many bytes of fields.
    pub fn around(&self, span_bytes: usize) -> (Vec<u8>, &[u8]) {
        let scope_spans = self.scope.len() + span_bytes + self.schema.len();
        let resource_spans = self.resource.len() + 1 + varint_len(scope_spans as u64) + scope_spans;
        let mut head = Vec::with_capacity(self.overhead());
        tag(&mut head, 1, BYTES);
        varint(&mut head, resource_spans as u64);
        head.extend_from_slice(&self.resource);
        tag(&mut head, 2, BYTES);
        varint(&mut head, scope_spans as u64);
        head.extend_from_slice(&self.scope);
        (head, &self.schema)
    }
}

/// Appends a span as a field of `ScopeSpans`: with its tag and its length.
pub fn write_span_field(span: &Span<'_>, out: &mut Vec<u8>) {
    message(out, 2, |out| write_span(span, out));
}

/// Appends a span's message.
pub fn write_span(span: &Span<'_>, out: &mut Vec<u8>) {
    bytes(out, 1, &span.trace_id);
    bytes(out, 2, &span.span_id);
    text(out, 3, &span.trace_state);
    if let Some(parent) = &span.parent_span_id {
        bytes(out, 4, parent);
    }
    text(out, 5, &span.name);
    number(out, 6, i64::from(span.kind) as u64);
    fixed64(out, 7, span.start_nanos);
    fixed64(out, 8, span.end_nanos);
    attributes(out, 9, &span.attributes);
    count(out, 10, span.dropped_attributes_count);
    for one in &span.events {
        message(out, 11, |out| event(one, out));
    }
    count(out, 12, span.dropped_events_count);
    for one in &span.links {
        message(out, 13, |out| link(one, out));
    }
    count(out, 14, span.dropped_links_count);
    if span.status != SpanStatus::default() {
        message(out, 15, |out| {
            text(out, 2, &span.status.message);
            number(out, 3, i64::from(span.status.code) as u64);
        });
    }
    fixed32(out, 16, span.flags);
}

fn event(event: &Event<'_>, out: &mut Vec<u8>) {
    fixed64(out, 1, event.time_nanos);
    text(out, 2, &event.name);
    attributes(out, 3, &event.attributes);
    count(out, 4, event.dropped_attributes_count);
}

fn link(link: &Link<'_>, out: &mut Vec<u8>) {
    bytes(out, 1, &link.trace_id);
    bytes(out, 2, &link.span_id);
    text(out, 3, &link.trace_state);
    attributes(out, 4, &link.attributes);
    count(out, 5, link.dropped_attributes_count);
    fixed32(out, 6, link.flags);
}

fn attributes(out: &mut Vec<u8>, field: u32, attributes: &[Attr<'_>]) {
    for attr in attributes {
        if !short_attribute(out, field, attr) && !short_list(out, field, attr) {
            message(out, field, |out| attribute(attr, out));
        }
    }
}

/// The tag of a key, of a text value, and of a list's value: the first field of each.
const FIRST: u8 = (1 << 3 | BYTES) as u8;
/// The tag of an attribute's value.
const SECOND: u8 = (2 << 3 | BYTES) as u8;

/// Writes an attribute whose messages are all shorter than 128 bytes, as nearly all are: their
/// lengths are known beforehand, and a byte each. Writes nothing and says so if it is not one.
///
/// What has a fixed length is written by itself, since the compiler copies that without a call.
#[inline]
fn short_attribute(out: &mut Vec<u8>, field: u32, attr: &Attr<'_>) -> bool {
    let value_len = match &attr.value {
        Value::Str(text) => 2 + text.len(),
        Value::Bool(_) => 2,
        Value::Int(number) => 1 + varint_len(*number as u64),
        Value::Double(_) => 9,
        _ => return false,
    };
    if !short_key(out, field, &attr.key, value_len) {
        return false;
    }
    match &attr.value {
        Value::Str(text) => {
            out.extend_from_slice(&[SECOND, value_len as u8, FIRST, text.len() as u8]);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bool(value) => {
            out.extend_from_slice(&[SECOND, 2, (2 << 3 | VARINT) as u8, u8::from(*value)]);
        }
        Value::Int(number) => {
            out.extend_from_slice(&[SECOND, value_len as u8, (3 << 3 | VARINT) as u8]);
            varint(out, *number as u64);
        }
        Value::Double(number) => {
            out.extend_from_slice(&[SECOND, 9, (4 << 3 | FIXED64) as u8]);
            out.extend_from_slice(&number.to_le_bytes());
        }
        _ => {}
    }
    true
}

/// Writes a short attribute up to its value, which has so many bytes after its own length; nothing if it
/// is not short.
#[inline]
fn short_key(out: &mut Vec<u8>, field: u32, key: &str, value_len: usize) -> bool {
    let length = 2 + key.len() + 2 + value_len;
    if key.is_empty() || length >= 0x80 {
        return false;
    }
    let tag = (field << 3 | BYTES) as u8;
    out.extend_from_slice(&[tag, length as u8, FIRST, key.len() as u8]);
    out.extend_from_slice(key.as_bytes());
    true
}

/// Writes a list of texts, such as a path, in the same way.
fn short_list(out: &mut Vec<u8>, field: u32, attr: &Attr<'_>) -> bool {
    let Value::Array(values) = &attr.value else {
        return false;
    };
    let texts = || values.iter().map_while(Value::as_str);
    let listed: usize = texts().map(|text| 4 + text.len()).sum();
    if texts().count() < values.len() || !short_key(out, field, &attr.key, 2 + listed) {
        return false;
    }
    let (whole, listed) = (2 + listed as u8, listed as u8);
    out.extend_from_slice(&[SECOND, whole, (5 << 3 | BYTES) as u8, listed]);
    for text in texts() {
        let length = text.len() as u8;
        out.extend_from_slice(&[FIRST, 2 + length, FIRST, length]);
        out.extend_from_slice(text.as_bytes());
    }
    true
}

fn attribute(attr: &Attr<'_>, out: &mut Vec<u8>) {
    text(out, 1, &attr.key);
    message(out, 2, |out| value(&attr.value, out));
}

/// A value's field is written also where it holds the default: it says which type it is.
fn value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Empty => {}
        Value::Str(text) => bytes(out, 1, text.as_bytes()),
        Value::Bool(value) => {
            tag(out, 2, VARINT);
            out.push(u8::from(*value));
        }
        Value::Int(number) => {
            tag(out, 3, VARINT);
            varint(out, *number as u64);
        }
        Value::Double(number) => {
            tag(out, 4, FIXED64);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Array(values) => message(out, 5, |out| {
            for one in values {
                message(out, 1, |out| self::value(one, out));
            }
        }),
        Value::Map(values) => message(out, 6, |out| attributes(out, 1, values)),
        Value::Bytes(value) => bytes(out, 7, value),
    }
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

#[inline]
fn tag(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

#[inline]
fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[inline]
fn varint_len(number: u64) -> usize {
    (number.max(1).ilog2() / 7 + 1) as usize
}

#[inline]
fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn text(out: &mut Vec<u8>, field: u32, value: &str) {
    if !value.is_empty() {
        bytes(out, field, value.as_bytes());
    }
}

fn number(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        tag(out, field, VARINT);
        varint(out, number);
    }
}

fn count(out: &mut Vec<u8>, field: u32, count: u32) {
    number(out, field, u64::from(count));
}

fn fixed64(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        tag(out, field, FIXED64);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn fixed32(out: &mut Vec<u8>, field: u32, number: u32) {
    if number != 0 {
        tag(out, field, FIXED32);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// Writes a message with its length before it.
///
/// Most messages are shorter than 128 bytes, whose length is one byte; room for that is left before
/// the message is written, and it is moved up where it turns out longer.
fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, BYTES);
    let at = out.len();
    out.push(0);
    write(out);
    let length = out.len() - at - 1;
    if length < 0x80 {
        out[at] = length as u8;
        return;
    }
    let more = varint_len(length as u64) - 1;
    out.resize(out.len() + more, 0);
    out.copy_within(at + 1..at + 1 + length, at + 1 + more);
    let mut rest = length as u64;
    for byte in &mut out[at..=at + more] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[at + more] &= 0x7f;
}
