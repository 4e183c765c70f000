//! Reading.

use super::Fields;
use crate::model::{
    Attr, Event, Link, Request, Resource, ResourceSpans, Scope, ScopeSpans, Span, SpanStatus, Value,
};
use crate::{MAX_DEPTH, WireError};

/// Reads a request.
pub fn read_request(bytes: &[u8]) -> Result<Request<'_>, WireError> {
    let mut request = Request::default();
    for field in Fields::new(bytes) {
        if let (1, field) = field? {
            request.resource_spans.push(resource_spans(field.bytes()?)?);
        }
    }
    Ok(request)
}

fn resource_spans(bytes: &[u8]) -> Result<ResourceSpans<'_>, WireError> {
    let mut spans = ResourceSpans::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, field) => spans.resource = resource(field.bytes()?)?,
            (2, field) => spans.scope_spans.push(scope_spans(field.bytes()?)?),
            (3, field) => spans.schema_url = field.text()?.into(),
            _ => {}
        }
    }
    Ok(spans)
}

fn resource(bytes: &[u8]) -> Result<Resource<'_>, WireError> {
    let mut resource = Resource::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, field) => resource.attributes.push(attribute(field.bytes()?, 0)?),
            (2, field) => resource.dropped_attributes_count = field.varint()? as u32,
            _ => {}
        }
    }
    Ok(resource)
}

fn scope_spans(bytes: &[u8]) -> Result<ScopeSpans<'_>, WireError> {
    let mut spans = ScopeSpans::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, field) => spans.scope = scope(field.bytes()?)?,
            (2, field) => spans.spans.push(read_span(field.bytes()?)?),
            (3, field) => spans.schema_url = field.text()?.into(),
            _ => {}
        }
    }
    Ok(spans)
}

fn scope(bytes: &[u8]) -> Result<Scope<'_>, WireError> {
    let mut scope = Scope::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, field) => scope.name = field.text()?.into(),
            (2, field) => scope.version = field.text()?.into(),
            (3, field) => scope.attributes.push(attribute(field.bytes()?, 0)?),
            (4, field) => scope.dropped_attributes_count = field.varint()? as u32,
            _ => {}
        }
    }
    Ok(scope)
}

/// Reads a span's message.
pub fn read_span(bytes: &[u8]) -> Result<Span<'_>, WireError> {
    let mut span = Span::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, field) => span.trace_id = id(field.bytes()?)?,
            (2, field) => span.span_id = id(field.bytes()?)?,
            (3, field) => span.trace_state = field.text()?.into(),
            (4, field) => {
                let parent = id(field.bytes()?)?;
                span.parent_span_id = (parent != [0; 8]).then_some(parent);
            }
            (5, field) => span.name = field.text()?.into(),
            (6, field) => span.kind = field.varint()? as i32,
            (7, field) => span.start_nanos = field.fixed64()?,
            (8, field) => span.end_nanos = field.fixed64()?,
            (9, field) => span.attributes.push(attribute(field.bytes()?, 0)?),
            (10, field) => span.dropped_attributes_count = field.varint()? as u32,
            (11, field) => span.events.push(event(field.bytes()?)?),
            (12, field) => span.dropped_events_count = field.varint()? as u32,
            (13, field) => span.links.push(link(field.bytes()?)?),
            (14, field) => span.dropped_links_count = field.varint()? as u32,
            (15, field) => span.status = status(field.bytes()?)?,
            (16, super::Field::Fixed32(flags)) => span.flags = flags,
            _ => {}
        }
    }
    Ok(span)
}

fn event(bytes: &[u8]) -> Result<Event<'_>, WireError> {
    let mut event = Event::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, field) => event.time_nanos = field.fixed64()?,
            (2, field) => event.name = field.text()?.into(),
            (3, field) => event.attributes.push(attribute(field.bytes()?, 0)?),
            (4, field) => event.dropped_attributes_count = field.varint()? as u32,
            _ => {}
        }
    }
    Ok(event)
}

fn link(bytes: &[u8]) -> Result<Link<'_>, WireError> {
    let mut link = Link::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, field) => link.trace_id = id(field.bytes()?)?,
            (2, field) => link.span_id = id(field.bytes()?)?,
            (3, field) => link.trace_state = field.text()?.into(),
            (4, field) => link.attributes.push(attribute(field.bytes()?, 0)?),
            (5, field) => link.dropped_attributes_count = field.varint()? as u32,
            (6, super::Field::Fixed32(flags)) => link.flags = flags,
            _ => {}
        }
    }
    Ok(link)
}

fn status(bytes: &[u8]) -> Result<SpanStatus<'_>, WireError> {
    let mut status = SpanStatus::default();
    for field in Fields::new(bytes) {
        match field? {
            (2, field) => status.message = field.text()?.into(),
            (3, field) => status.code = field.varint()? as i32,
            _ => {}
        }
    }
    Ok(status)
}

fn attribute(bytes: &[u8], depth: usize) -> Result<Attr<'_>, WireError> {
    let mut attr = Attr::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, field) => attr.key = field.text()?.into(),
            (2, field) => attr.value = value(field.bytes()?, depth)?,
            _ => {}
        }
    }
    Ok(attr)
}

fn value(bytes: &[u8], depth: usize) -> Result<Value<'_>, WireError> {
    if depth >= MAX_DEPTH {
        return Err(WireError::TooDeep);
    }
    let mut value = Value::Empty;
    for field in Fields::new(bytes) {
        match field? {
            (1, field) => value = Value::Str(field.text()?.into()),
            (2, field) => value = Value::Bool(field.varint()? != 0),
            (3, field) => value = Value::Int(field.varint()? as i64),
            (4, field) => value = Value::Double(f64::from_bits(field.fixed64()?)),
            (5, field) => value = array(field.bytes()?, depth + 1)?,
            (6, field) => value = map(field.bytes()?, depth + 1)?,
            (7, field) => value = Value::Bytes(field.bytes()?.into()),
            _ => {}
        }
    }
    Ok(value)
}

fn array(bytes: &[u8], depth: usize) -> Result<Value<'_>, WireError> {
    let mut values = Vec::new();
    for field in Fields::new(bytes) {
        if let (1, field) = field? {
            values.push(value(field.bytes()?, depth)?);
        }
    }
    Ok(Value::Array(values))
}

fn map(bytes: &[u8], depth: usize) -> Result<Value<'_>, WireError> {
    let mut values = Vec::new();
    for field in Fields::new(bytes) {
        if let (1, field) = field? {
            values.push(attribute(field.bytes()?, depth)?);
        }
    }
    Ok(Value::Map(values))
}

/// An id: of the right length, or empty for none.
fn id<const N: usize>(bytes: &[u8]) -> Result<[u8; N], WireError> {
    if bytes.is_empty() {
        return Ok([0; N]);
    }
    bytes
        .try_into()
        .map_err(|_| WireError::Malformed("an id has the wrong length"))
}
