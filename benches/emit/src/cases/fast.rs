//! fastrace, with a reporter that counts.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::local::LocalSpan;
use fastrace::{Event, Span};

use super::Case;

struct Counting {
    spans: Arc<AtomicU64>,
    events: Arc<AtomicU64>,
}

impl Reporter for Counting {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        let events: usize = spans.iter().map(|span| span.events.len()).sum();
        self.spans.fetch_add(spans.len() as u64, Ordering::Relaxed);
        self.events.fetch_add(events as u64, Ordering::Relaxed);
        black_box(spans);
    }
}

fn start() -> (Arc<AtomicU64>, Arc<AtomicU64>) {
    let (spans, events) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let reporter = Counting {
        spans: Arc::clone(&spans),
        events: Arc::clone(&events),
    };
    let config = Config::default().report_interval(Duration::from_millis(5));
    fastrace::set_reporter(reporter, config);
    (spans, events)
}

pub(crate) struct Spans {
    spans: Arc<AtomicU64>,
    roots: u64,
    text: String,
}

impl Spans {
    pub(crate) fn new() -> Self {
        Self {
            spans: start().0,
            roots: 0,
            text: super::long_text(),
        }
    }
}

impl Case for Spans {
    #[inline(never)]
    fn burst(&mut self, records: u64) {
        let root = Span::root("root", SpanContext::random());
        self.roots += 1;
        let _guard = root.set_local_parent();
        for attempt in 0..records {
            let span = LocalSpan::enter_with_local_parent("main.fetch").with_properties(|| {
                [
                    ("prompt", black_box(&self.text).clone()),
                    ("attempt", attempt.to_string()),
                    ("cache", "miss".to_owned()),
                ]
            });
            black_box(&span);
        }
    }

    fn finish(&mut self) -> Option<u64> {
        fastrace::flush();
        Some(
            self.spans
                .load(Ordering::Relaxed)
                .saturating_sub(self.roots),
        )
    }
}

pub(crate) struct Events {
    events: Arc<AtomicU64>,
    text: String,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            events: start().1,
            text: super::long_text(),
        }
    }
}

impl Case for Events {
    #[inline(never)]
    fn burst(&mut self, records: u64) {
        let root = Span::root("root", SpanContext::random());
        let _guard = root.set_local_parent();
        let _span = LocalSpan::enter_with_local_parent("main.fetch");
        for attempt in 0..records {
            let event = Event::new("fetched").with_properties(|| {
                [
                    ("prompt", black_box(&self.text).clone()),
                    ("attempt", attempt.to_string()),
                    ("cache", "miss".to_owned()),
                ]
            });
            LocalSpan::add_event(event);
        }
    }

    fn finish(&mut self) -> Option<u64> {
        fastrace::flush();
        Some(self.events.load(Ordering::Relaxed))
    }
}
