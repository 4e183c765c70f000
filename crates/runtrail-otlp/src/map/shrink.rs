//! Cutting the values of a span that turned out too large.

use runtrail_otlp_wire::model::{Attr, Span, Value};

use super::attrs::cut;

/// Cuts every text value of a span to `max` bytes.
pub(crate) fn shrink(span: &mut Span<'_>, max: usize) {
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
