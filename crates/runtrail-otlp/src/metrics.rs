//! A pipeline's metrics by way of OpenTelemetry's API.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use runtrail_core::pipeline::{Handle, Metric, MetricKind};

/// Lets a meter observe a pipeline: its counts, as in
/// [`Stats`](runtrail_core::pipeline::Stats), whenever they are collected.
///
/// ```no_run
/// # #[cfg(feature = "metrics")] {
/// use runtrail_core::pipeline::Pipeline;
///
/// let trail = Pipeline::builder().start()?;
/// // After the program has set its meter provider.
/// runtrail_otlp::observe(&opentelemetry::global::meter("runtrail"), &trail.handle());
/// # }
/// # Ok::<(), runtrail_core::pipeline::StartError>(())
/// ```
///
/// The instruments last as long as the meter's provider; after the pipeline ended they say what
/// became of everything. Names, units and labels are those of [`Metric`].
pub fn observe(meter: &Meter, trail: &Handle) {
    for metric in &Metric::ALL {
        let trail = trail.clone();
        let observe = move |observer: &dyn AsyncInstrument<u64>| {
            metric.values(&trail.stats(), |labels, value| {
                observer.observe(value, &attributes(labels));
            });
        };
        // The provider keeps the callback; the instrument itself is only a name.
        match metric.kind {
            MetricKind::Counter => drop(
                meter
                    .u64_observable_counter(metric.name)
                    .with_description(metric.help)
                    .with_unit(metric.unit)
                    .with_callback(observe)
                    .build(),
            ),
            MetricKind::Gauge => drop(
                meter
                    .u64_observable_gauge(metric.name)
                    .with_description(metric.help)
                    .with_unit(metric.unit)
                    .with_callback(observe)
                    .build(),
            ),
        }
    }
}

fn attributes(labels: &[(&str, &str)]) -> Vec<KeyValue> {
    let attribute =
        |(label, value): &(&str, &str)| KeyValue::new((*label).to_owned(), (*value).to_owned());
    labels.iter().map(attribute).collect()
}
