//! Spans handed to the exporter of `opentelemetry-otlp` arrive as if we had sent them.

use std::time::{Duration, Instant};

use opentelemetry_otlp::WithExportConfig;
use runtrail_core::export::Exporter;
use runtrail_otlp::SdkBridge;
use runtrail_otlp::map::{Content, MapSettings};
use runtrail_testkit::golden::engine_samples;
use runtrail_testkit::otlp::{Receiver, Reply};
use runtrail_testkit::strategies::batches_at;

use super::support::{export, to};

#[test]
fn both_ways_arrive_as_the_same_spans() {
    let mut events: Vec<_> = engine_samples()
        .into_iter()
        .flat_map(|sample| sample.events)
        .collect();
    events.sort();
    let batches = batches_at(&events, &[]);
    let ours = Receiver::http(|_| Reply::Take);
    let (error, counts) = export(
        to(&ours.url()).content(Content::ALL).build().unwrap(),
        &batches,
    );
    assert!(error.is_none());

    let theirs = Receiver::http(|_| Reply::Take);
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", theirs.url()))
        .build()
        .unwrap();
    let mapping = MapSettings {
        content: Content::ALL,
        ..MapSettings::default()
    };
    let bridge = SdkBridge::new(exporter, mapping).unwrap();
    let report = bridge.report();
    let mut exporter = Box::new(bridge.into_exporter());
    for batch in &batches {
        exporter.export(batch).unwrap();
    }
    exporter
        .close(Instant::now() + Duration::from_secs(5))
        .unwrap();
    assert_eq!(report.read().accepted, counts.accepted);

    let spans = |receiver: &Receiver| {
        receiver.look(|store| {
            let mut spans = store.spans.clone();
            for span in spans.values_mut() {
                // The SDK writes flags, and an empty status, that we leave out.
                span.flags = 0;
                span.status.get_or_insert_default();
                span.links.iter_mut().for_each(|link| link.flags = 0);
            }
            spans
        })
    };
    let (ours, theirs) = (spans(&ours), spans(&theirs));
    assert_eq!(ours.len(), theirs.len());
    for (id, span) in &ours {
        assert_eq!(Some(span), theirs.get(id));
    }
}

#[test]
fn what_fails_beneath_is_given_up_and_said() {
    let refusing = Receiver::http(|_| Reply::Status(400));
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", refusing.url()))
        .build()
        .unwrap();
    let bridge = SdkBridge::new(exporter, MapSettings::default()).unwrap();
    let report = bridge.report();
    let mut exporter = Box::new(bridge.into_exporter());
    let batch = super::support::ended(super::support::run_of("r", 3, 1));
    assert!(exporter.export(&batch).is_err());
    assert_eq!((report.read().spans, report.read().given_up), (4, 4));
}
