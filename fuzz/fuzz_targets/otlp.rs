//! Any bytes as OTLP, in both forms: nothing makes reading panic, and what was read is written so that
//! it reads back as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use runtrail_otlp_wire::model::{Attr, Request, Span, Value};
use runtrail_otlp_wire::{json, protobuf};

/// How deep values may be that are read as JSON: its reader stops at 128 levels, and a map in a map is
/// four of them.
const JSON_DEPTH: usize = 24;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = protobuf::read_request(bytes) {
        check(&request);
    }
    if let Ok(span) = protobuf::read_span(bytes) {
        check(&Request::of_spans(vec![span]));
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(request) = json::read_request(&text) {
        check(&request);
    }
    if let Ok(span) = json::read_span(&text) {
        check(&Request::of_spans(vec![span]));
    }
});

fn check(request: &Request<'_>) {
    for span in request.spans() {
        assert_reads_back(span);
    }
    let deep = request.spans().any(|span| depth_of(span) > JSON_DEPTH);
    if !deep {
        let line = json::request(request);
        assert!(!line.contains(['\n', '\r']), "{line}");
        let again = json::read_request(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(json::request(&again), line);
        assert_eq!(again.spans().count(), request.spans().count());
    }
}

/// Compared as bytes: what is not a number equals nothing.
fn assert_reads_back(span: &Span<'_>) {
    let once = written(span);
    let again = protobuf::read_span(&once).unwrap_or_else(|error| panic!("{error}: {span:?}"));
    assert_eq!(written(&again), once);
    let mut field = Vec::new();
    protobuf::write_span_field(span, &mut field);
    let (number, value) = protobuf::Fields::new(&field).next().expect("a field").expect("a whole field");
    assert_eq!((number, value.bytes()), (2, Ok(&once[..])));
}

fn written(span: &Span<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    protobuf::write_span(span, &mut bytes);
    bytes
}

fn depth_of(span: &Span<'_>) -> usize {
    let events = span.events.iter().flat_map(|event| &event.attributes);
    let links = span.links.iter().flat_map(|link| &link.attributes);
    let all = span.attributes.iter().chain(events).chain(links);
    all.map(|attr| depth(&attr.value)).max().unwrap_or(0)
}

fn depth(value: &Value<'_>) -> usize {
    let of = |attr: &Attr<'_>| depth(&attr.value);
    1 + match value {
        Value::Array(values) => values.iter().map(depth).max().unwrap_or(0),
        Value::Map(attrs) => attrs.iter().map(of).max().unwrap_or(0),
        _ => 0,
    }
}
