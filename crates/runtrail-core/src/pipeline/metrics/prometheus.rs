//! Metrics as the text that Prometheus scrapes.

use std::fmt::Write;

use super::{Metric, MetricKind, MetricSink};

/// What the text is called in HTTP.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes metrics in Prometheus's text format, for a program that answers `GET /metrics`.
///
/// ```
/// use runtrail_core::pipeline::{Pipeline, Prometheus};
///
/// let trail = Pipeline::builder().start()?;
/// let text = Prometheus::text(&trail.stats());
/// assert!(text.contains("# TYPE runtrail_events_emitted_total counter\nrunt"), "{text}");
/// # Ok::<(), runtrail_core::pipeline::StartError>(())
/// ```
///
/// Names are the metrics' own with `_` between their parts, the unit `_bytes` where it is one, and
/// `_total` behind those of counters.
#[derive(Debug, Default)]
pub struct Prometheus {
    text: String,
    last: Option<&'static str>,
}

impl Prometheus {
    /// Writes every metric of a pipeline.
    pub fn text(stats: &super::Stats) -> String {
        let mut out = Self::default();
        stats.send_to(&mut out);
        out.into_text()
    }

    /// Returns what was written.
    pub fn into_text(self) -> String {
        self.text
    }
}

impl MetricSink for Prometheus {
    fn value(&mut self, metric: &Metric, labels: &[(&str, &str)], value: u64) {
        let name = name(metric);
        // Writing to a string cannot fail.
        if self.last != Some(metric.name) {
            self.last = Some(metric.name);
            let kind = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
            };
            let _ = writeln!(self.text, "# HELP {name} {}.", metric.help);
            let _ = writeln!(self.text, "# TYPE {name} {kind}");
        }
        self.text.push_str(&name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"");
            push_escaped(&mut self.text, text);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

fn name(metric: &Metric) -> String {
    let mut name = metric.name.replace('.', "_");
    if metric.unit == "By" {
        name.push_str("_bytes");
    }
    if metric.kind == MetricKind::Counter {
        name.push_str("_total");
    }
    name
}

/// A label's value may hold anything; three characters are written otherwise.
fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stats::{ExporterState, ExporterStats, Stats};
    use crate::pipeline::{DropCause, Dropped};

    #[test]
    fn every_value_has_its_line_under_its_heading() {
        let mut dropped = Dropped::default();
        dropped.add(DropCause::RingFull, 2, 7);
        dropped.add(DropCause::Closed, 0, 1);
        let exporter = |name: &str, state| ExporterStats {
            name: name.to_owned(),
            delivered: 3,
            dropped,
            waiting_bytes: 4096,
            state,
            ..ExporterStats::default()
        };
        let stats = Stats {
            emitted: 12,
            dropped,
            exporters: vec![
                exporter("json", ExporterState::Open),
                exporter("a\"b\\c\nd", ExporterState::Closed),
            ],
            ..Stats::default()
        };
        let text = Prometheus::text(&stats);
        for wanted in [
            "# HELP runtrail_events_emitted_total Events that came from threads, from processors and from the pipeline itself.\n\
             # TYPE runtrail_events_emitted_total counter\n\
             runtrail_events_emitted_total 12\n",
            "# TYPE runtrail_events_dropped_total counter\n\
             runtrail_events_dropped_total{cause=\"ring_full\",kind=\"op_yield\"} 7\n\
             runtrail_events_dropped_total{cause=\"closed\",kind=\"op_start\"} 1\n",
            "# TYPE runtrail_exporter_delivered_total counter\n\
             runtrail_exporter_delivered_total{exporter=\"json\",lane=\"0\"} 3\n\
             runtrail_exporter_delivered_total{exporter=\"a\\\"b\\\\c\\nd\",lane=\"1\"} 3\n",
            "runtrail_exporter_dropped_total{exporter=\"json\",lane=\"0\",cause=\"ring_full\",kind=\"op_yield\"} 7\n",
            "# TYPE runtrail_exporter_waiting_bytes gauge\n\
             runtrail_exporter_waiting_bytes{exporter=\"json\",lane=\"0\"} 4096\n",
            "runtrail_exporter_up{exporter=\"json\",lane=\"0\"} 1\n\
             runtrail_exporter_up{exporter=\"a\\\"b\\\\c\\nd\",lane=\"1\"} 0\n",
        ] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
        let headings: Vec<&str> = text.lines().filter(|l| l.starts_with("# TYPE")).collect();
        assert_eq!(headings.len(), Metric::ALL.len());
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), text.lines().count(), "no line twice");
    }
}
