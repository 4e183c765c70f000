//! Handing spans to somebody else's exporter.

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use runtrail_core::export::{ExportError, ExportErrorKind, SpanBatch, SpanExporter, Spans};
use runtrail_otlp_wire::model::{self, Attr, Span, kind, status_code};

use crate::collected::{UNNAMED_SERVICE, into_exporter};
use crate::map::{MapSettings, Mapper};
use crate::names;
use crate::report::OtlpReport;

/// Hands spans to any span exporter of `opentelemetry_sdk`, such as that of `opentelemetry-otlp`.
///
/// For programs that have such an exporter already. It knows less than [`Otlp`](crate::Otlp) does of
/// what became of spans: the exporter beneath says only whether a batch as a whole went well, so what it
/// reports as delivered counts as accepted. A batch that failed is not tried again here.
///
/// The exporter's futures are run to their end on the exporting thread, on a runtime of the
/// bridge's own, with its timers and sockets; batches are handed on as they come, a run's end at once.
///
/// A [`SpanExporter`]: [`into_exporter`](Self::into_exporter) makes an exporter of events of it.
#[derive(Debug)]
pub struct SdkBridge<E> {
    exporter: E,
    mapper: Mapper,
    runtime: OwnRuntime,
    scope: InstrumentationScope,
    report: OtlpReport,
}

/// Spans handed over at once; more make a request too large for many receivers.
const BATCH: usize = 512;

impl<E: opentelemetry_sdk::trace::SpanExporter + std::fmt::Debug> SdkBridge<E> {
    /// Makes a bridge to an exporter.
    ///
    /// # Errors
    ///
    /// Where no runtime can be started.
    pub fn new(exporter: E, mapping: MapSettings) -> std::io::Result<Self> {
        let resource = Resource::builder_empty()
            .with_service_name(UNNAMED_SERVICE)
            .build();
        Self::with_resource(exporter, mapping, &resource)
    }

    /// As [`new`](Self::new), with a resource of the caller's.
    pub fn with_resource(
        mut exporter: E,
        mapping: MapSettings,
        resource: &Resource,
    ) -> std::io::Result<Self> {
        exporter.set_resource(resource);
        let scope = InstrumentationScope::builder(names::SCOPE)
            .with_version(crate::VERSION)
            .with_schema_url(names::SCHEMA_URL);
        Ok(Self {
            exporter,
            mapper: Mapper::new(mapping),
            runtime: OwnRuntime::new()?,
            scope: scope.build(),
            report: OtlpReport::default(),
        })
    }

    /// Returns a handle that reads what was done, also after the close.
    pub fn report(&self) -> OtlpReport {
        self.report.clone()
    }

    /// Makes an exporter of events.
    pub fn into_exporter(self) -> Spans<Self> {
        let namespace = self.mapper.settings().namespace.clone();
        into_exporter(self, &namespace)
    }

    fn hand_over(&mut self, spans: Vec<SpanData>) -> Result<(), ExportError> {
        let count = spans.len() as u64;
        let result = {
            let _inside = self.runtime.0.enter();
            futures_executor::block_on(self.exporter.export(spans))
        };
        self.report.update(|counts| {
            counts.requests += 1;
            counts.spans += count;
            counts.accepted += count * u64::from(result.is_ok());
            counts.given_up += count * u64::from(result.is_err());
        });
        // It may have happened: the error does not say.
        result.map_err(|error| {
            ExportError::new(ExportErrorKind::Unknown, "the span exporter failed")
                .with_source(error)
        })
    }
}

impl<E: opentelemetry_sdk::trace::SpanExporter + std::fmt::Debug> SpanExporter for SdkBridge<E> {
    fn name(&self) -> &'static str {
        "otlp-sdk"
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        let mut spans = Vec::new();
        let scope = &self.scope;
        for record in batch.spans() {
            self.mapper
                .span(record, |span| spans.push(span_data(&span, scope)));
        }
        for run in batch.runs() {
            self.mapper
                .run(run, |span| spans.push(span_data(&span, scope)));
        }
        let mut failed = None;
        while !spans.is_empty() {
            let rest = spans.split_off(spans.len().min(BATCH));
            if let Err(error) = self.hand_over(std::mem::replace(&mut spans, rest)) {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        let _inside = self.runtime.0.enter();
        self.exporter.force_flush().map_err(|error| {
            ExportError::permanent("the span exporter cannot flush").with_source(error)
        })
    }

    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        let _inside = self.runtime.0.enter();
        let left = deadline.saturating_duration_since(Instant::now());
        let result = self.exporter.shutdown_with_timeout(left);
        result.map_err(|error| {
            ExportError::permanent("the span exporter cannot shut down").with_source(error)
        })
    }
}

/// A worker that drives sockets and timers, so that the exporting thread can wait without being
/// inside the runtime: exporters with a blocking client refuse to work in there.
#[derive(Debug)]
struct OwnRuntime(tokio::runtime::Handle, Option<tokio::runtime::Runtime>);

impl OwnRuntime {
    fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("runtrail-otlp")
            .worker_threads(1)
            .enable_all()
            .build()?;
        Ok(Self(runtime.handle().clone(), Some(runtime)))
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.1.take() {
            // A runtime that waits for its worker panics where a task of another one drops it.
            runtime.shutdown_background();
        }
    }
}

fn span_data(span: &Span<'_>, scope: &InstrumentationScope) -> SpanData {
    let context = |trace_id: [u8; 16], span_id: [u8; 8]| {
        SpanContext::new(
            TraceId::from_bytes(trace_id),
            SpanId::from_bytes(span_id),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        )
    };
    let mut events = SpanEvents::default();
    events.events = span.events.iter().map(event).collect();
    events.dropped_count = span.dropped_events_count;
    let mut links = SpanLinks::default();
    let linked = |link: &model::Link<'_>| {
        Link::new(
            context(link.trace_id, link.span_id),
            key_values(&link.attributes),
            0,
        )
    };
    links.links = span.links.iter().map(linked).collect();
    links.dropped_count = span.dropped_links_count;
    SpanData {
        span_context: context(span.trace_id, span.span_id),
        parent_span_id: span
            .parent_span_id
            .map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: false,
        span_kind: if span.kind == kind::CLIENT {
            SpanKind::Client
        } else {
            SpanKind::Internal
        },
        name: span.name.clone().into_owned().into(),
        start_time: time(span.start_nanos),
        end_time: time(span.end_nanos),
        attributes: key_values(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events,
        links,
        status: match span.status.code {
            status_code::OK => Status::Ok,
            status_code::ERROR => Status::error(span.status.message.clone().into_owned()),
            _ => Status::Unset,
        },
        instrumentation_scope: scope.clone(),
    }
}

fn event(event: &model::Event<'_>) -> Event {
    Event::new(
        event.name.clone().into_owned(),
        time(event.time_nanos),
        key_values(&event.attributes),
        event.dropped_attributes_count,
    )
}

fn time(nanos: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn key_values(attributes: &[Attr<'_>]) -> Vec<KeyValue> {
    let pair = |attr: &Attr<'_>| KeyValue::new(attr.key.clone().into_owned(), value(&attr.value));
    attributes.iter().map(pair).collect()
}

/// The mapping writes text, numbers and lists of text.
fn value(value: &model::Value<'_>) -> Value {
    match value {
        model::Value::Str(text) => Value::String(text.clone().into_owned().into()),
        model::Value::Bool(value) => Value::Bool(*value),
        model::Value::Int(number) => Value::I64(*number),
        model::Value::Double(number) => Value::F64(*number),
        model::Value::Array(values) => {
            let texts = values.iter().map(|one| one.as_str().unwrap_or_default());
            let texts = texts.map(|text| StringValue::from(text.to_owned()));
            Value::Array(Array::String(texts.collect()))
        }
        model::Value::Empty | model::Value::Map(_) | model::Value::Bytes(_) => {
            Value::String(Cow::Borrowed("").into())
        }
    }
}
