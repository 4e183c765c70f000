//! What becomes of events, as metrics: the same counts as [`Stats`], with names and labels.

mod prometheus;

pub use prometheus::{PROMETHEUS_CONTENT_TYPE, Prometheus};

use super::Dropped;
use super::stats::{ExporterState, ExporterStats, Stats};

/// Takes metrics somewhere, one value at a time.
///
/// ```
/// use runtrail_core::pipeline::{Metric, MetricSink, Pipeline};
///
/// struct Print(String);
///
/// impl MetricSink for Print {
///     fn value(&mut self, metric: &Metric, labels: &[(&str, &str)], value: u64) {
///         self.0.push_str(&format!("{} {labels:?} {value}\n", metric.name));
///     }
/// }
///
/// let trail = Pipeline::builder().start()?;
/// let mut print = Print(String::new());
/// trail.stats().send_to(&mut print);
/// assert!(print.0.starts_with("runtrail.events.emitted [] 0\n"));
/// # Ok::<(), runtrail_core::pipeline::StartError>(())
/// ```
pub trait MetricSink {
    /// Takes a value. The values of a metric come in a row, and no two with the same labels.
    fn value(&mut self, metric: &Metric, labels: &[(&str, &str)], value: u64);
}

/// What a metric's values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A sum since the start, which never falls.
    Counter,
    /// A state at the moment.
    Gauge,
}

/// Takes labels and a value.
type Each<'a> = &'a mut dyn FnMut(&[(&str, &str)], u64);

/// One metric of a pipeline.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Metric {
    /// The name, with dots between its parts.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// What one of it is, as UCUM has it: `By`, or `{event}` and the like for things.
    pub unit: &'static str,
    /// What its values mean.
    pub kind: MetricKind,
    read: fn(&Stats, Each<'_>),
}

impl Metric {
    const fn counter(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        read: fn(&Stats, Each<'_>),
    ) -> Self {
        Self {
            name,
            help,
            unit,
            kind: MetricKind::Counter,
            read,
        }
    }

    const fn gauge(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        read: fn(&Stats, Each<'_>),
    ) -> Self {
        Self {
            kind: MetricKind::Gauge,
            ..Self::counter(name, unit, help, read)
        }
    }

    /// Reads this metric's values, each with its labels.
    ///
    /// Values of an exporter have the labels `exporter` and `lane`, its place among the exporters,
    /// since two may have one name. What was dropped has `cause` and `kind`, and no value where it
    /// would be 0.
    pub fn values(&self, stats: &Stats, mut each: impl FnMut(&[(&str, &str)], u64)) {
        (self.read)(stats, &mut each);
    }

    /// Every metric of a pipeline.
    pub const ALL: [Self; 21] = [
        Self::counter(
            "runtrail.events.emitted",
            "{event}",
            "Events that came from threads, from processors and from the pipeline itself",
            |stats, each| each(&[], stats.emitted),
        ),
        Self::counter(
            "runtrail.events.sampled_out",
            "{event}",
            "Events that a processor left out of the sample",
            |stats, each| each(&[], stats.sampled_out),
        ),
        Self::counter(
            "runtrail.events.dropped",
            "{event}",
            "Events dropped before any exporter's queue",
            |stats, each| dropped(&stats.dropped, &[], each),
        ),
        Self::counter(
            "runtrail.events.late",
            "{event}",
            "Events handed over so late that they took the time of the one before",
            |stats, each| each(&[], stats.late),
        ),
        Self::counter(
            "runtrail.spans.truncated",
            "{span}",
            "Ops and groups closed for their run because it ended first",
            |stats, each| each(&[], stats.truncated),
        ),
        Self::counter(
            "runtrail.runs.ended",
            "{run}",
            "Runs that ended",
            |stats, each| each(&[], stats.runs_ended),
        ),
        Self::counter(
            "runtrail.runs.finishes_lost",
            "{call}",
            "Calls that finish a run and could not be kept",
            |stats, each| each(&[], stats.finishes_lost),
        ),
        Self::gauge(
            "runtrail.runs.open",
            "{run}",
            "Runs that have begun and not ended",
            |stats, each| each(&[], stats.runs_open),
        ),
        Self::gauge(
            "runtrail.events.in_rings",
            "{event}",
            "Events in rings or on their way through the worker",
            |stats, each| each(&[], stats.in_rings),
        ),
        Self::gauge(
            "runtrail.events.held",
            "{event}",
            "Events that processors hold back",
            |stats, each| each(&[], stats.held),
        ),
        Self::gauge(
            "runtrail.waiting",
            "By",
            "Bytes that rings, their payloads and the exporters' queues take",
            |stats, each| each(&[], stats.waiting_bytes),
        ),
        Self::counter(
            "runtrail.media.stored",
            "{content}",
            "Contents of media that were stored",
            |stats, each| each(&[], stats.media.stored),
        ),
        Self::counter(
            "runtrail.media.failed",
            "{content}",
            "Contents of media that the store failed at",
            |stats, each| each(&[], stats.media.failed),
        ),
        Self::counter(
            "runtrail.media.refused",
            "{reference}",
            "References to media that never came to a store",
            |stats, each| each(&[], stats.media.refused),
        ),
        Self::gauge(
            "runtrail.media.waiting",
            "{content}",
            "Contents of media that wait for the store",
            |stats, each| each(&[], stats.media.waiting),
        ),
        Self::counter(
            "runtrail.exporter.delivered",
            "{event}",
            "Events that the exporter took",
            |stats, each| by_exporter(stats, |exporter| exporter.delivered, each),
        ),
        Self::counter(
            "runtrail.exporter.failed",
            "{event}",
            "Events that the exporter refused or could not take",
            |stats, each| by_exporter(stats, |exporter| exporter.failed, each),
        ),
        Self::counter(
            "runtrail.exporter.dropped",
            "{event}",
            "Events that never reached the exporter",
            |stats, each| {
                with_labels(stats, |exporter, labels| {
                    dropped(&exporter.dropped, labels, each);
                });
            },
        ),
        Self::gauge(
            "runtrail.exporter.in_flight",
            "{event}",
            "Events in the exporter's queue or in its hands",
            |stats, each| by_exporter(stats, |exporter| exporter.in_flight, each),
        ),
        Self::gauge(
            "runtrail.exporter.waiting",
            "By",
            "Bytes in the exporter's queue or in its hands",
            |stats, each| by_exporter(stats, |exporter| exporter.waiting_bytes, each),
        ),
        Self::gauge(
            "runtrail.exporter.up",
            "1",
            "Whether the exporter takes events",
            |stats, each| {
                let up = |exporter: &ExporterStats| exporter.state == ExporterState::Open;
                by_exporter(stats, |exporter| u64::from(up(exporter)), each);
            },
        ),
    ];
}

impl Stats {
    /// Sends every metric's values somewhere.
    pub fn send_to(&self, sink: &mut impl MetricSink) {
        for metric in &Metric::ALL {
            metric.values(self, |labels, value| sink.value(metric, labels, value));
        }
    }
}

fn with_labels(stats: &Stats, mut each: impl FnMut(&ExporterStats, &[(&str, &str)])) {
    for (lane, exporter) in stats.exporters.iter().enumerate() {
        let lane = lane.to_string();
        each(exporter, &[("exporter", &exporter.name), ("lane", &lane)]);
    }
}

fn by_exporter(stats: &Stats, value: impl Fn(&ExporterStats) -> u64, each: Each<'_>) {
    with_labels(stats, |exporter, labels| each(labels, value(exporter)));
}

fn dropped(dropped: &Dropped, labels: &[(&str, &str)], each: Each<'_>) {
    for (cause, kind, count) in dropped.counts() {
        let own = [("cause", cause.as_str()), ("kind", kind)];
        each(&[labels, &own].concat(), count);
    }
}
