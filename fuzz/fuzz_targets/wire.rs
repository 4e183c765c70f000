//! Any bytes as a chunk of an archive: both ways of reading agree, and what was read is written
//! so that it reads back as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use runtrail_core::event::{TraceEvent, View};
use runtrail_core::json::{RawJson, canonical};
use runtrail_core::text::Text;
use runtrail_core::wire::{Read, WireOptions, WireReader, event_to_json};

fuzz_target!(|bytes: &[u8]| {
    // Bytes that are not UTF-8 are replaced before a chunk is read.
    let chunk = Text::new(String::from_utf8_lossy(bytes));
    let ordinary = WireOptions::default();
    walk(&chunk, ordinary);
    walk(&chunk, WireOptions { max_depth: 5, assume_offset_minutes: Some(-90) });
    walk(&chunk, WireOptions { max_depth: 1024, ..ordinary });
    let one = WireReader::new(ordinary).read(&chunk);
    assert_eq!(one, WireReader::exact_only(ordinary).read(&chunk));
});

/// Reads value after value, as an archive is read, going on at the next line where one is broken.
fn walk(chunk: &Text, options: WireOptions) {
    let (mut normal, mut exact) = (WireReader::new(options), WireReader::exact_only(options));
    let mut pos = 0;
    while pos < chunk.len() {
        let read = normal.read_at(chunk, pos);
        assert_same(&read, &exact.read_at(chunk, pos));
        let next = match read {
            Read::Event { event, end, .. } => {
                assert_writes_back(&event, options);
                look_at(&event);
                Some(end)
            }
            Read::Bad { error, end } => {
                assert!(error.at() <= chunk.len());
                assert!(error.at() + error.span_len() <= chunk.len(), "{error:?}");
                end
            }
            Read::Cut { .. } => None,
        };
        if let Some(end) = next {
            assert!(end > pos, "no progress at {pos}");
        }
        let line_end = || chunk[pos..].find('\n').map_or(chunk.len(), |at| pos + at + 1);
        pos = next.unwrap_or_else(line_end);
    }
}

fn assert_same(normal: &Read, exact: &Read) {
    match (normal, exact) {
        (
            Read::Event { event: a, end: end_a, substitutions: odd_a },
            Read::Event { event: b, end: end_b, substitutions: odd_b },
        ) => {
            assert_eq!(a, b);
            assert_eq!((end_a, odd_a), (end_b, odd_b));
            assert_eq!(a.payload.slots(), b.payload.slots());
        }
        (Read::Bad { error: a, end: end_a }, Read::Bad { error: b, end: end_b }) => {
            assert_eq!((a, end_a), (b, end_b));
        }
        (Read::Cut { in_string: a }, Read::Cut { in_string: b }) => assert_eq!(a, b),
        (a, b) => panic!("one way gives {a:?}, the other {b:?}"),
    }
}

fn assert_writes_back(event: &TraceEvent, options: WireOptions) {
    let line = event_to_json(event);
    assert!(!line.contains(['\n', '\r']), "{line}");
    // What is written states its offset, so that nothing is assumed when it is read back.
    let strict = WireOptions { assume_offset_minutes: None, ..options };
    let again = WireReader::new(strict).read(&Text::new(line.as_str()));
    let again = again.unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(again.is_repeat_of(event), "{line}");
    assert_eq!(event_to_json(&again), line);
}

/// Reads every typed field, which must not panic whatever stands there.
fn look_at(event: &TraceEvent) {
    let fields: Vec<Option<RawJson<'_>>> = match event.view() {
        View::OpStart(e) => vec![e.inputs, e.parent_id],
        View::OpEnd(e) => {
            let _ = e.error_info();
            vec![e.outputs, e.status, e.duration_ms, e.yield_count, e.error, e.opener_id]
        }
        View::OpYield(e) => vec![e.yielded, e.idx, e.opener_id],
        View::Annotation(e) => vec![e.key, e.value, e.opener_id],
        View::GroupStart(e) => vec![e.name, e.parent_id],
        View::GroupEnd(e) => vec![e.name, e.status, e.opener_id],
        View::LlmUsage(e) => {
            vec![e.model, e.prompt_tokens, e.completion_tokens, e.total_tokens, e.cost_usd, e.opener_id]
        }
        View::MediaRef(e) => vec![e.handle, e.mime, e.size_bytes, e.opener_id],
        View::Unknown => Vec::new(),
    };
    for field in fields.into_iter().flatten() {
        let _ = (field.as_str(), field.as_i64(), field.as_f64(), field.is_null(), field.get("type"));
        let shared = event.payload.share(field);
        assert_eq!(shared, field.text());
    }
    let _ = (event.ctx.path(), event.rank(), event.text_bytes());
    let once = canonical(event.payload.raw());
    // A payload may be read with a deeper limit than a single value has.
    if let Some(again) = RawJson::parse(&once) {
        assert_eq!(canonical(again), once);
    }
    assert_eq!(event.detached(), *event);
}
