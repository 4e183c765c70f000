//! Writing one event as one line.

use crate::event::TraceEvent;
use crate::json::{compact, push_string};

/// Returns an event as one JSON object without line breaks.
pub fn event_to_json(event: &TraceEvent) -> String {
    let mut line = String::with_capacity(event.text_bytes() + 160);
    write_event(event, &mut line);
    line
}

/// Appends an event as one JSON object without line breaks.
///
/// The payload and unknown fields are written as they came, but for line breaks between tokens,
/// which a line cannot hold: a text that has some loses its white space between tokens.
pub fn write_event(event: &TraceEvent, out: &mut String) {
    out.push_str("{\"event_id\":");
    push_string(out, &event.event_id);
    out.push_str(",\"request_id\":");
    push_string(out, &event.request_id);
    out.push_str(",\"kind\":");
    push_string(out, event.kind.as_str());
    out.push_str(",\"op_name\":");
    match &event.op_name {
        Some(name) => push_string(out, name),
        None => out.push_str("null"),
    }
    out.push_str(",\"ctx\":[");
    for (index, segment) in event.ctx.segments().iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(out, segment);
    }
    out.push_str("],\"timestamp\":\"");
    event.timestamp.push_to(out);
    out.push_str("\",\"seq\":");
    out.push_str(itoa::Buffer::new().format(event.seq));
    out.push_str(",\"payload\":");
    push_one_line(out, event.payload.text());
    if let Some(inner) = event
        .extra
        .as_ref()
        .and_then(|e| e.strip_prefix('{')?.strip_suffix('}'))
    {
        out.push(',');
        push_one_line(out, inner);
    }
    out.push('}');
}

/// Appends JSON text as it stands, or without its white space where it spans lines.
pub fn push_one_line(out: &mut String, json: &str) {
    if json.contains(['\n', '\r']) {
        out.push_str(&compact(json));
    } else {
        out.push_str(json);
    }
}
