//! Files of OpenTelemetry spans, as a Collector writes them.

use std::io::Write;

use runtrail_archive::{Archive, Format, ReadOptions, ReadReport, SortOptions, sniff};
use runtrail_core::event::TraceEvent;
use runtrail_otlp_wire::json;
use runtrail_otlp_wire::model::{Attr, Request, Resource, Scope, Span, SpanStatus};
use runtrail_otlp_wire::protobuf::{Envelope, write_span_field};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::tree::tree_text;

use super::sorting::drain;
use super::support::{Files, lines};

/// A trace of another program: a request that asks a model and fails to fetch.
fn spans() -> Vec<Span<'static>> {
    let span = |id: u8, parent: Option<u8>, name: &'static str, start: u64, end: u64| Span {
        trace_id: [7; 16],
        span_id: [id; 8],
        parent_span_id: parent.map(|id| [id; 8]),
        name: name.into(),
        start_nanos: 1_795_222_800_000_000_000 + start * 1_000_000,
        end_nanos: 1_795_222_800_000_000_000 + end * 1_000_000,
        ..Span::default()
    };
    let mut ask = span(2, Some(1), "chat m", 1, 5);
    ask.attributes = vec![
        Attr::new("gen_ai.response.model", "m"),
        Attr::new("gen_ai.usage.input_tokens", 10_i64),
        Attr::new("llm.token_count.completion", 5_i64),
    ];
    let mut fetch = span(3, Some(1), "fetch", 6, 8);
    fetch.attributes = vec![
        Attr::new("http.method", "GET"),
        Attr::new("input.value", "{\"u\":1}"),
    ];
    fetch.status = SpanStatus {
        message: "no route".into(),
        code: 2,
    };
    // Children come before their parent, as they end.
    vec![ask, fetch, span(1, None, "request", 0, 9)]
}

fn message() -> Vec<u8> {
    let resource = Resource {
        attributes: vec![Attr::new("service.name", "other")],
        dropped_attributes_count: 0,
    };
    let mut fields = Vec::new();
    for span in &spans() {
        write_span_field(span, &mut fields);
    }
    Envelope::new(&resource, &Scope::default(), "").request(&fields)
}

fn read(name: &str, bytes: &[u8]) -> (Vec<TraceEvent>, ReadReport) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut archive = Archive::open(&[path.to_str().unwrap()]).unwrap();
    let mut events = Vec::new();
    let report = archive
        .read(ReadOptions::default(), &mut |event| events.push(event))
        .unwrap();
    (events, report)
}

const TREE: &str = "\
run 07070707070707070707070707070707 error 9ms: 8 events, 3 ops, 1 errors, 1 calls 10+5=? tokens no cost m
  op request  #0 ok 9ms by run
    op chat m  #0 ok 4ms by parent_id, 1 calls 10+5=? tokens no cost m
    op fetch  #0 error 2ms by parent_id
      error: no route
      in: {\"u\":1}
      note http.method: \"GET\"
";

#[test]
fn every_form_of_file_is_read_as_the_same_run() {
    let line = json::request(&Request::of_spans(spans()));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(line.as_bytes()).unwrap();
    let one = message();
    let length = u32::try_from(one.len()).unwrap().to_be_bytes();
    let prefixed = [&length[..], &one].concat();
    for (name, bytes) in [
        ("lines", format!("{line}\n\n").into_bytes()),
        ("gzip", gz.finish().unwrap()),
        ("zstd", zstd::encode_all(&one[..], 1).unwrap()),
        ("message", one),
        ("messages", prefixed),
    ] {
        let (events, report) = read(name, &bytes);
        assert_eq!(
            (report.rejected(), report.failed.len()),
            (0, 0),
            "{name}: {:?}",
            report.rejects
        );
        let runs = fold_runs(&events);
        assert_eq!(tree_text(&runs[0].spans, &runs[0].summary), TREE, "{name}");
        sorts_among_lines(name, &bytes);
    }
}

/// Spans are never read by pieces, as files of lines are when they are put in order.
fn sorts_among_lines(name: &str, spans: &[u8]) {
    let files = Files::new();
    let paths = [
        files.write("events.jsonl", lines(1..=2)),
        files.write(name, spans),
    ];
    let archive = Archive::open(&paths).unwrap();
    let mut sorted = archive
        .sorted(ReadOptions::default(), SortOptions::default())
        .unwrap();
    let (events, _) = drain(&mut sorted);
    let report = sorted.report();
    assert_eq!((events.len(), report.rejected()), (10, 0), "{name}");
    let runs = fold_runs(&events);
    let spans = runs.iter().find(|run| *run.summary.request_id != *"r");
    let spans = spans.unwrap();
    assert_eq!(tree_text(&spans.spans, &spans.summary), TREE, "{name}");
}

#[test]
fn what_is_broken_is_rejected_and_the_rest_is_read() {
    let line = json::request(&Request::of_spans(spans()));
    let broken = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"x"}]}]}]}"#;
    let (events, report) = read("lines", format!("{line}\n{broken}\n{line}\n").as_bytes());
    assert_eq!((events.len(), report.rejects["not_spans"]), (16, 1));

    let one = message();
    let length = u32::try_from(one.len()).unwrap().to_be_bytes();
    let two = [&length[..], &one, &length, &one].concat();
    for cut in 1..two.len() {
        let (events, report) = read("messages", &two[..cut]);
        let whole = cut / (one.len() + 4);
        let is_whole = cut % (one.len() + 4) == 0;
        if sniff(&two[..cut.min(4096)]) == Format::SpanMessages {
            assert_eq!(events.len(), 8 * whole, "cut at {cut}");
            assert_eq!(report.rejected(), u64::from(!is_whole), "cut at {cut}");
        } else {
            assert!(events.is_empty() && report.rejected() > 0, "cut at {cut}");
        }
    }
}

#[test]
fn text_is_not_taken_for_spans() {
    for text in ["\n\n{\"event_id\":1}", "\n{}", "[\n", "{\"resource\":1}"] {
        assert_eq!(sniff(text.as_bytes()), Format::Plain, "{text:?}");
    }
    assert_eq!(sniff(&message()), Format::SpanMessages);
}
