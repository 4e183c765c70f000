//! Cutting the values of a span that was written already.

use runtrail_otlp_wire::model::{Attr, Span, Value};
use runtrail_otlp_wire::protobuf;

use super::attrs::cut;

/// Writes a span again with every text value cut to `max` bytes; `None` where that changes nothing.
pub(crate) fn shrink(span: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut read = protobuf::read_span(span).ok()?;
    shrink_span(&mut read, max);
    let mut written = Vec::with_capacity(span.len() / 2);
    protobuf::write_span(&read, &mut written);
    (written.len() < span.len()).then_some(written)
}

fn shrink_span(span: &mut Span<'_>, max: usize) {
    span.name = cut(std::mem::take(&mut span.name), max);
    span.status.message = cut(std::mem::take(&mut span.status.message), max);
    shrink_attrs(&mut span.attributes, max);
    for event in &mut span.events {
        shrink_attrs(&mut event.attributes, max);
    }
    for link in &mut span.links {
        shrink_attrs(&mut link.attributes, max);
    }
}

fn shrink_attrs(attrs: &mut [Attr<'_>], max: usize) {
    for attr in attrs {
        match &mut attr.value {
            Value::Str(text) => *text = cut(std::mem::take(text), max),
            Value::Array(values) => {
                for value in values {
                    if let Value::Str(text) = value {
                        *text = cut(std::mem::take(text), max);
                    }
                }
            }
            _ => {}
        }
    }
}
