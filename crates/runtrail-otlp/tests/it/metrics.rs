//! What a meter observes of a pipeline.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use runtrail_core::event::Ctx;
use runtrail_core::pipeline::{Metric, Pipeline};
use runtrail_testkit::capture::Capture;

/// Every value that was collected last, by its name and labels.
fn collected(exporter: &InMemoryMetricExporter) -> BTreeMap<String, u64> {
    let finished = exporter.get_finished_metrics().unwrap();
    let scopes = finished.last().unwrap().scope_metrics();
    let mut values = BTreeMap::new();
    for metric in scopes.flat_map(opentelemetry_sdk::metrics::data::ScopeMetrics::metrics) {
        let AggregatedMetrics::U64(data) = metric.data() else {
            panic!("{} is no whole number", metric.name());
        };
        let mut keep = |value: u64, labels: Vec<String>| {
            let key = format!("{}{{{}}}", metric.name(), labels.join(","));
            assert!(values.insert(key.clone(), value).is_none(), "{key}");
        };
        let label = |label: &opentelemetry::KeyValue| format!("{}={}", label.key, label.value);
        match data {
            MetricData::Sum(sum) => {
                assert!(sum.is_monotonic());
                for point in sum.data_points() {
                    keep(point.value(), point.attributes().map(label).collect());
                }
            }
            MetricData::Gauge(gauge) => {
                for point in gauge.data_points() {
                    keep(point.value(), point.attributes().map(label).collect());
                }
            }
            _ => panic!("{} is of no such kind", metric.name()),
        }
    }
    values
}

#[test]
fn a_meter_sees_what_the_stats_say() {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(exporter.clone()).build())
        .build();
    let pipeline = Pipeline::builder()
        .exporter(Capture::default())
        .exporter(Capture::default());
    let pipeline = pipeline.start().unwrap();
    runtrail_otlp::observe(&provider.meter("runtrail"), &pipeline.handle());

    let run = pipeline.run("r");
    let op = run.op("main", &Ctx::default(), || ());
    op.end_ok(|| ());
    let late = run.op("late", &Ctx::default(), || ());
    drop(run);
    assert!(pipeline.flush(Duration::from_secs(20)).is_complete());
    late.end_ok(|| ());
    let report = pipeline.shutdown(Duration::from_secs(20));
    provider.force_flush().unwrap();

    let values = collected(&exporter);
    let names: Vec<&str> = values
        .keys()
        .map(|key| key.split('{').next().unwrap())
        .collect();
    for metric in Metric::ALL
        .iter()
        .filter(|m| m.name != "runtrail.exporter.dropped")
    {
        assert!(names.contains(&metric.name), "{}: {values:?}", metric.name);
    }
    for (key, wanted) in [
        ("runtrail.events.emitted{}", report.stats.emitted),
        ("runtrail.events.dropped{cause=closed,kind=op_end}", 1),
        ("runtrail.spans.truncated{}", 1),
        ("runtrail.exporter.delivered{exporter=capture,lane=0}", 4),
        ("runtrail.exporter.delivered{exporter=capture,lane=1}", 4),
        ("runtrail.exporter.up{exporter=capture,lane=1}", 0),
        ("runtrail.runs.ended{}", 1),
    ] {
        assert_eq!(values.get(key), Some(&wanted), "{key}: {values:?}");
    }
}
