//! The OpenTelemetry SDK with its batch processor, alone and under `tracing`.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use tracing_subscriber::layer::SubscriberExt;

use super::Case;

#[derive(Debug)]
struct Counting(Arc<AtomicU64>);

impl SpanExporter for Counting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        black_box(batch);
        Ok(())
    }
}

fn start() -> (SdkTracerProvider, Arc<AtomicU64>) {
    let spans = Arc::new(AtomicU64::new(0));
    let exporter = Counting(Arc::clone(&spans));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build();
    (provider, spans)
}

pub(crate) struct Spans {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    spans: Arc<AtomicU64>,
    text: String,
}

impl Spans {
    pub(crate) fn new() -> Self {
        let (provider, spans) = start();
        Self {
            tracer: provider.tracer("bench"),
            provider,
            spans,
            text: super::long_text(),
        }
    }
}

impl Case for Spans {
    #[inline(never)]
    fn burst(&mut self, records: u64) {
        for attempt in 0..records {
            let attributes = vec![
                KeyValue::new("prompt", black_box(&self.text).clone()),
                KeyValue::new("attempt", attempt as i64),
                KeyValue::new("cache", "miss"),
            ];
            let builder = self.tracer.span_builder("main.fetch");
            let mut span = builder.with_attributes(attributes).start(&self.tracer);
            span.end();
        }
    }

    fn finish(&mut self) -> Option<u64> {
        self.provider.shutdown().expect("shutdown");
        Some(self.spans.load(Ordering::Relaxed))
    }
}

pub(crate) struct Tracing {
    provider: SdkTracerProvider,
    spans: Arc<AtomicU64>,
    text: String,
}

impl Tracing {
    pub(crate) fn new() -> Self {
        let (provider, spans) = start();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::set_global_default(subscriber).expect("the only one");
        Self {
            provider,
            spans,
            text: super::long_text(),
        }
    }
}

impl Case for Tracing {
    #[inline(never)]
    fn burst(&mut self, records: u64) {
        for attempt in 0..records {
            let prompt = black_box(self.text.as_str());
            let span = tracing::info_span!("main.fetch", prompt, attempt, cache = "miss");
            let _entered = span.enter();
        }
    }

    fn finish(&mut self) -> Option<u64> {
        self.provider.shutdown().expect("shutdown");
        Some(self.spans.load(Ordering::Relaxed))
    }
}
