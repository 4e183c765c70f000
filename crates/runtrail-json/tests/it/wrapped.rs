//! Exporters with wrappers around them.

use std::path::Path;
use std::time::{Duration, Instant};

use runtrail_core::export::{
    Batch, DeadLetter, DeadLetterStore, ExportError, ExportErrorKind, Exporter, RateLimit,
    RateLimitSettings, Rejection, Retry, RetrySettings, SpanBatch, SpanExporter, Spans,
};
use runtrail_json::{DeadLetterFile, EventLines, Trees};
use runtrail_testkit::capture::Capture;
use runtrail_testkit::conformance;
use runtrail_testkit::golden::archive_events;
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::time::ManualTimer;

/// Fails so many times before each call that it hands on.
struct Flaky<E> {
    inner: E,
    failures: usize,
    left: usize,
    kind: ExportErrorKind,
}

impl<E> Flaky<E> {
    fn new(inner: E, failures: usize, kind: ExportErrorKind) -> Self {
        Self {
            inner,
            failures,
            left: failures,
            kind,
        }
    }

    fn fails(&mut self) -> Result<(), ExportError> {
        if self.left == 0 {
            self.left = self.failures;
            return Ok(());
        }
        self.left -= 1;
        Err(ExportError::new(self.kind.clone(), "not now"))
    }
}

impl<E: Exporter> Exporter for Flaky<E> {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.fails().and_then(|()| self.inner.export(batch))
    }
    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        self.fails().and_then(|()| self.inner.flush(deadline))
    }
    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        Box::new(self.inner).close(deadline)
    }
}

impl<E: SpanExporter> SpanExporter for Flaky<E> {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.fails().and_then(|()| self.inner.export(batch))
    }
    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        self.fails().and_then(|()| self.inner.flush(deadline))
    }
    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        Box::new(self.inner).close(deadline)
    }
}

const LATER: ExportErrorKind = ExportErrorKind::Retry { after: None };

fn retried<E>(inner: E, failures: usize) -> Retry<Flaky<E>, ManualTimer> {
    let flaky = Flaky::new(inner, failures, LATER);
    Retry::new(flaky, RetrySettings::default(), ManualTimer::default())
}

fn limited<E>(inner: E) -> RateLimit<E, ManualTimer> {
    let settings = RateLimitSettings {
        per_second: 100.0,
        burst: 10,
        max_wait: Duration::MAX,
    };
    RateLimit::new(inner, settings, ManualTimer::default())
}

/// All wrappers at once: what one spoils, another does not mend.
#[test]
fn wrapped_exporters_conform() {
    conformance::check(|dest| {
        let boxed: Box<dyn Exporter> = Box::new(limited(retried(EventLines::dir(dest), 3)));
        let store = DeadLetterFile::new(dest.join("given-up.jsonl"));
        Box::new(DeadLetter::new(boxed, store))
    });
    conformance::check(|dest| Box::new(Spans::new(limited(retried(Trees::dir(dest), 3)))));
}

fn batch() -> Batch {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("x"), &[], r#"{"inputs":{"n":1.10}}"#);
    run.push("op_end", Some("x"), &[], "{}");
    let mut events = run.into_events();
    events[1].extra = Some(r#"{ "host": "a" }"#.into());
    Batch::new(events, [])
}

#[test]
fn retrying_ends_by_attempts_by_a_stop_and_by_the_deadline() {
    let mut retry = retried(Capture::default(), 100);
    let error = Exporter::export(&mut retry, &batch()).unwrap_err();
    assert_eq!(error.kind(), &LATER);
    assert_eq!(error.to_string(), "gave up after 6 attempts");
    assert_eq!(retry.retries(), 5);

    let timer = ManualTimer::default();
    let slow = ExportErrorKind::Retry {
        after: Some(Duration::from_secs(9)),
    };
    let flaky = Flaky::new(Capture::default(), 1, slow);
    let mut retry = Retry::new(flaky, RetrySettings::default(), timer.clone());
    Exporter::export(&mut retry, &batch()).unwrap();
    assert_eq!(timer.waits(), [Duration::from_secs(9)]);
    let soon = Instant::now() + Duration::from_secs(12);
    assert!(
        Exporter::flush(&mut retry, soon).is_err(),
        "the wait is longer than the deadline"
    );
    timer.stop();
    retry = Retry::new(
        Flaky::new(Capture::default(), 1, LATER),
        RetrySettings::default(),
        timer.clone(),
    );
    assert!(Exporter::export(&mut retry, &batch()).is_err());
    assert_eq!(timer.waits().len(), 1);
}

#[test]
fn a_rate_that_would_hold_for_too_long_says_when_to_come_back() {
    let timer = ManualTimer::default();
    let settings = RateLimitSettings {
        per_second: 1.0,
        burst: 2,
        max_wait: Duration::from_secs(1),
    };
    let mut limit = RateLimit::new(Capture::default(), settings, timer.clone());
    Exporter::export(&mut limit, &batch()).unwrap();
    let error = Exporter::export(&mut limit, &batch()).unwrap_err();
    let after = Some(Duration::from_secs(2));
    assert_eq!(error.kind(), &ExportErrorKind::Retry { after });
    timer.advance(Duration::from_secs(2));
    Exporter::export(&mut limit, &batch()).unwrap();
    timer.advance(Duration::from_millis(1500));
    Exporter::export(&mut limit, &batch()).unwrap();
    assert_eq!(timer.waits(), [Duration::from_millis(500)]);
}

fn kept(path: &Path) -> Vec<(String, String)> {
    let read = archive_events(&std::fs::read(path).unwrap());
    read.iter()
        .map(|event| {
            (
                event.event_id.to_string(),
                event.extra.as_deref().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

#[test]
fn what_was_given_up_is_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/given-up.jsonl");
    let rejected = ExportErrorKind::Rejected(vec![Rejection {
        index: 1,
        reason: "too \"long\"".to_owned(),
    }]);
    for kind in [LATER, rejected] {
        let flaky = Flaky::new(Capture::default(), 9, kind);
        let mut exporter = DeadLetter::new(flaky, DeadLetterFile::new(&path));
        let error = exporter.export(&batch()).unwrap_err();
        assert_eq!(error.to_string(), "given up and kept as dead letters");
        assert_ne!(error.kind(), &LATER);
        Box::new(exporter).close(Instant::now()).unwrap();
    }
    let letter =
        |reason: &str| format!(r#""dead_letter":{{"exporter":"capture","reason":"{reason}"}}"#);
    assert_eq!(
        kept(&path),
        [
            ("r-00000".to_owned(), format!("{{{}}}", letter("not now"))),
            (
                "r-00001".to_owned(),
                format!(r#"{{"host":"a",{}}}"#, letter("not now"))
            ),
            (
                "r-00001".to_owned(),
                format!(r#"{{"host":"a",{}}}"#, letter(r#"too \"long\""#))
            ),
        ]
    );
}

#[test]
fn half_a_line_does_not_spoil_the_next_and_a_full_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given-up.jsonl");
    std::fs::write(&path, "{\"event_id\":").unwrap();
    let events = batch();
    let mut store = DeadLetterFile::new(&path);
    store.keep(&events.events()[0], "x", "why").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.ends_with("}\n"));

    let store = DeadLetterFile::new(&path).max_bytes(text.len() as u64);
    let flaky = Flaky::new(Capture::default(), 9, LATER);
    let mut exporter = DeadLetter::new(flaky, store);
    let said = exporter.export(&events).unwrap_err().to_string();
    assert!(said.starts_with("given up; 2 events are lost"), "{said}");
    assert_eq!(exporter.kept(), 0);
}
