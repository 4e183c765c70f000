//! What the tests of this crate share.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, ExportError, Exporter, RunEnd};
use runtrail_otlp::map::{MapSettings, Mapper};
use runtrail_otlp::{Counts, Otlp, OtlpBuilder, Protocol, SendSettings};
use runtrail_otlp_wire::model::Request;
use runtrail_otlp_wire::{json, protobuf};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::otlp::{Receiver, Reply, ServerTls};
use runtrail_testkit::run::RunBuilder;

/// Maps a stream, and decodes what comes of it with somebody else's decoder, from both forms.
pub(super) fn mapped(events: &[TraceEvent], settings: &MapSettings) -> Vec<Span> {
    let mut mapper = Mapper::new(settings.clone());
    let mut spans = Vec::new();
    for run in fold_runs(events) {
        for span in &run.spans {
            mapper.span(span, |span| spans.push(decoded(&span)));
        }
        mapper.run(&run.summary, |span| spans.push(decoded(&span)));
    }
    assert_eq!(mapper.open_runs(), 0);
    spans
}

pub(super) fn decoded(span: &runtrail_otlp_wire::model::Span<'_>) -> Span {
    let mut bytes = Vec::new();
    protobuf::write_span(span, &mut bytes);
    let from_bytes = Span::decode(&bytes[..]).unwrap();
    let line = json::request(&Request::of_spans(vec![span.clone()]));
    let from_json: ExportTraceServiceRequest = serde_json::from_str(&line).unwrap();
    assert_eq!(
        from_json.resource_spans[0].scope_spans[0].spans[0],
        from_bytes
    );
    from_bytes
}

/// The text attributes of a span, others as Rust shows them.
pub(super) fn attrs(span: &Span) -> BTreeMap<&str, String> {
    let shown = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(value) => value.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = span.attributes.iter().map(|attr| {
        let value = attr.value.as_ref().and_then(|value| value.value.as_ref());
        (attr.key.as_str(), value.map(shown).unwrap_or_default())
    });
    pairs.collect()
}

/// A run of so many ops, each with an input of so many bytes.
pub(super) fn run_of(id: &str, ops: usize, bytes: usize) -> Vec<TraceEvent> {
    let mut run = RunBuilder::new(id);
    let filler = "x".repeat(bytes);
    for op in 0..ops {
        let name = format!("main.op{op}");
        run.push(
            "op_start",
            Some(&name),
            &["main"],
            &format!(r#"{{"inputs":"{filler}"}}"#),
        );
        run.push("op_end", Some(&name), &["main"], r#"{"status":"ok"}"#);
    }
    run.into_events()
}

/// A batch that says that each run ended.
pub(super) fn ended(events: Vec<TraceEvent>) -> Batch {
    let end = RunEnd {
        request_id: events[0].request_id.clone(),
        after: events.len(),
    };
    Batch::new(events, [end])
}

/// The protocols that this build has.
pub(super) fn protocols() -> Vec<Protocol> {
    let all = [Protocol::HttpProtobuf, Protocol::HttpJson, Protocol::Grpc];
    let has_grpc = cfg!(feature = "grpc");
    all.into_iter()
        .filter(|protocol| *protocol != Protocol::Grpc || has_grpc)
        .collect()
}

/// A receiver of a protocol, under TLS if it is to be.
pub(super) fn receiver(
    protocol: Protocol,
    tls: Option<&ServerTls>,
    script: impl FnMut(&runtrail_testkit::otlp::Request) -> Reply + Send + 'static,
) -> Receiver {
    match (protocol, tls) {
        (Protocol::Grpc, None) => Receiver::grpc(script),
        (Protocol::Grpc, Some(tls)) => Receiver::grpc_tls(tls, script),
        (_, None) => Receiver::http(script),
        (_, Some(tls)) => Receiver::https(tls, script),
    }
}

/// Quick settings: waits of milliseconds.
pub(super) fn quick() -> SendSettings {
    SendSettings {
        first_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(4),
        attempt_timeout: Duration::from_secs(20),
        deadline: Duration::from_secs(60),
        ..SendSettings::default()
    }
}

/// A builder that knows no variable of this process.
pub(super) fn to(url: &str) -> OtlpBuilder {
    Otlp::builder()
        .variables([])
        .endpoint(url)
        .settings(quick())
}

/// Exports everything and closes; returns the first error and the counts.
pub(super) fn export(otlp: Otlp, batches: &[Batch]) -> (Option<ExportError>, Counts) {
    let report = otlp.report();
    let mut exporter = Box::new(otlp.into_exporter());
    let mut first = None;
    for batch in batches {
        if let Err(error) = exporter.export(batch) {
            first.get_or_insert(error);
        }
    }
    if let Err(error) = exporter.close(Instant::now() + Duration::from_secs(60)) {
        first.get_or_insert(error);
    }
    let counts = report.read();
    assert_eq!(
        counts.spans,
        counts.accepted + counts.rejected + counts.given_up,
        "after a close nothing waits: {counts:?}"
    );
    assert_eq!(counts.waiting, 0);
    (first, counts)
}
