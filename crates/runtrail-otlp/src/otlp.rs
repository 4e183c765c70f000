//! The exporter that sends.

mod builder;
mod hurry;
mod sender;
mod turns;

use std::sync::Arc;
use std::time::Instant;

use runtrail_core::export::{ExportError, SpanBatch, SpanExporter, Spans};
use runtrail_otlp_wire::model::Request;

pub use builder::OtlpBuilder;
use turns::Turns;

use crate::collected::into_exporter;
use crate::config::ConfigError;
use crate::report::OtlpReport;

/// Sends runs as spans to an OTLP receiver.
///
/// A [`SpanExporter`]: [`into_exporter`](Self::into_exporter) makes an exporter of events of it. It
/// blocks while it sends, for [`SendSettings::deadline`](crate::SendSettings::deadline) at most for each request; it holds no more
/// than [`SendSettings::held_bytes`](crate::SendSettings::held_bytes) and a request. Spans are sent when a request is full, when they have
/// waited for [`SendSettings::hold`](crate::SendSettings::hold), and when it is flushed or closed. A thread of its own watches the time,
/// so that the last run of a program that has come to rest arrives too; what goes wrong there is told at
/// the next call.
///
/// Spans that are given up are an error, or dead letters where a file is named for them; the
/// exporter goes on in both cases.
pub struct Otlp {
    namespace: String,
    /// `None` where exporting is switched off.
    turns: Option<Arc<Turns>>,
    /// As it may be shown.
    endpoint: Option<String>,
    report: OtlpReport,
}

impl Otlp {
    /// Makes an exporter of what the environment says.
    ///
    /// The variables are those of OpenTelemetry: `OTEL_EXPORTER_OTLP_*`, `OTEL_SERVICE_NAME`,
    /// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_EXPORTER`, `OTEL_SDK_DISABLED`. Without any it sends to
    /// `http://localhost:4318/v1/traces`.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::builder().build()
    }

    /// Begins to set up an exporter; what is not set is taken from the environment.
    pub fn builder() -> OtlpBuilder {
        OtlpBuilder::default()
    }

    /// Returns a handle that reads what was done, also after the close.
    pub fn report(&self) -> OtlpReport {
        self.report.clone()
    }

    /// Whether it sends; not where the environment switches exporting off.
    pub fn is_enabled(&self) -> bool {
        self.turns.is_some()
    }

    /// Returns where it sends to, without the query; none where exporting is switched off.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Makes an exporter of events, with ids in the namespace of this one.
    pub fn into_exporter(self) -> Spans<Self> {
        let namespace = self.namespace.clone();
        into_exporter(self, &namespace)
    }

    /// Sends spans as they are, such as those of a file of dead letters; they get this exporter's
    /// resource and scope, and keep their ids.
    pub fn relay(&mut self, request: &Request<'_>) -> Result<(), ExportError> {
        let Some(turns) = &self.turns else {
            let spans = request.spans().count() as u64;
            self.report.update(|counts| counts.disabled += spans);
            return Ok(());
        };
        turns.next().relay(request)
    }
}

impl SpanExporter for Otlp {
    fn name(&self) -> &'static str {
        "otlp"
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        let Some(turns) = &self.turns else {
            let (spans, runs) = (batch.spans().len(), batch.runs().len());
            self.report
                .update(|counts| counts.disabled += (spans + runs) as u64);
            return Ok(());
        };
        let exported = turns.next().export(batch);
        turns.watch();
        exported
    }

    /// Sends everything that was exported, also of runs that go on.
    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        let Some(turns) = &self.turns else {
            return Ok(());
        };
        match turns.next_by(deadline) {
            Some(mut turn) => turn.flush(),
            None => Err(ExportError::permanent(format!(
                "spans are still on their way to {}",
                self.endpoint.as_deref().unwrap_or_default()
            ))),
        }
    }

    fn close(mut self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        self.flush(deadline)
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        if let Some(turns) = &self.turns {
            turns.end();
        }
    }
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otlp")
            .field("namespace", &self.namespace)
            .field("endpoint", &self.endpoint)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
