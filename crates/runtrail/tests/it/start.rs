//! A configuration starts to record, and says what it does.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runtrail::{Config, Trail};
use runtrail_core::event::Ctx;
use runtrail_core::export::{Batch, ExportError, ExportErrorKind, Exporter, Retry, RetrySettings};
use runtrail_testkit::capture::{Capture, CaptureSpans};
use tracing_subscriber::fmt::MakeWriter;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Runs something and returns what it logged.
fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .without_time()
        .with_ansi(false)
        .finish();
    let done = tracing::subscriber::with_default(subscriber, run);
    let bytes = log.0.lock().unwrap().clone();
    (done, String::from_utf8(bytes).unwrap())
}

fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn record(trail: &Trail) {
    let run = trail.run("r1");
    run.op("main", &Ctx::default(), || 1).end_ok(|| 2);
}

#[test]
fn it_says_in_one_line_where_events_go_and_who_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let toml = format!(
        "[[processors]]\nname = \"redact\"\n[[exporters]]\nname = \"json\"\npath = \"{at}/runs\"\n"
    );
    let config = Config::builder()
        .text("f.toml", toml)
        .variables([variable("RUNTRAIL_PIPELINE_SAMPLE_RATE", "1")])
        .span_exporter(CaptureSpans::default())
        .settings(|settings| settings.queue_events = 100)
        .load()
        .unwrap();
    let (trail, line) = logged(|| config.start().unwrap());
    assert_eq!(
        line,
        format!(
            " INFO runtrail: recording by json to {at}/runs (f.toml:3:1), capture-spans (code); \
             processors: sample (environment variable RUNTRAIL_PIPELINE_SAMPLE_RATE), redact \
             (f.toml:1:1); pipeline: queue_events = 100 (code); all else is the default\n"
        )
    );
    record(&trail);
    let report = trail.shutdown(Duration::from_secs(5));
    assert!(report.is_complete(), "{report}");
    let runs = std::fs::read_dir(folder.path().join("runs"));
    assert_eq!(runs.unwrap().count(), 1);
}

#[test]
fn what_is_not_enabled_records_nothing_and_says_so() {
    let capture = Capture::default();
    let arrived = capture.handle();
    let off = [variable("RUNTRAIL_PIPELINE_ENABLED", "off")];
    let builder = Config::builder().variables(off).exporter(capture);
    let (trail, line) = logged(|| builder.load().unwrap().start().unwrap());
    assert_eq!(
        line,
        " INFO runtrail: recording nothing: not enabled (environment variable RUNTRAIL_PIPELINE_ENABLED)\n"
    );
    assert!(!trail.run("r1").is_recorded());
    record(&trail);
    assert!(trail.shutdown(Duration::from_secs(5)).is_complete());
    assert!(arrived.arrived().events.is_empty());
}

#[test]
fn a_trail_that_is_dropped_is_shut_down_with_a_warning() {
    let capture = Capture::default();
    let arrived = capture.handle();
    let config = Config::builder().exporter(capture).load().unwrap();
    let trail = config.start().unwrap();
    let later = trail.handle();
    record(&trail);
    let ((), line) = logged(|| drop(trail));
    assert!(
        line.starts_with(" WARN runtrail: the pipeline was dropped without a shutdown: 2 events"),
        "{line}"
    );
    assert_eq!(arrived.arrived().events.len(), 2);
    // A handle outlives its pipeline, and records nothing then.
    assert!(!later.run("r2").is_recorded());
    assert_eq!(later.stats().exporters[0].delivered, 2);
}

#[test]
fn runs_that_are_not_wanted_are_not_recorded() {
    let builder = Config::builder().record_if(|id| id.starts_with("keep"));
    let trail = builder.load().unwrap().start().unwrap();
    assert!(trail.run("keep-1").is_recorded() && !trail.run("r1").is_recorded());
    assert!(trail.shutdown(Duration::from_secs(5)).is_complete());
}

/// Asks to be tried again in an hour, always.
struct Busy;

impl Exporter for Busy {
    fn name(&self) -> &'static str {
        "busy"
    }

    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        let after = Some(Duration::from_secs(3600));
        Err(ExportError::new(ExportErrorKind::Retry { after }, "busy"))
    }

    fn flush(&mut self, _: Instant) -> Result<(), ExportError> {
        Ok(())
    }

    fn close(self: Box<Self>, _: Instant) -> Result<(), ExportError> {
        Ok(())
    }
}

#[test]
fn a_shutdown_ends_the_waits_of_wrappers_before_its_limit() {
    let mut parts = Config::builder().load().unwrap().open().unwrap();
    let settings = RetrySettings {
        max_stated_delay: Duration::from_secs(7200),
        max_total: Duration::from_secs(7200),
        ..RetrySettings::default()
    };
    let busy = Retry::new(Busy, settings, parts.stop.pause());
    parts.exporters.push(Box::new(busy));
    let trail = parts.start().unwrap();
    record(&trail);
    let report = trail.shutdown(Duration::from_secs(4));
    assert_eq!(report.stats.exporters[0].failed, 2);
    assert_eq!(report.left(), 0, "{report}");
}

#[cfg(all(feature = "otlp", feature = "parquet"))]
#[test]
fn every_exporter_that_cannot_be_opened_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let exporters = format!("otlp,parquet:{}/lake", file.display());
    let config = Config::builder().variables([
        variable("RUNTRAIL_PIPELINE_EXPORTERS", &exporters),
        variable("OTEL_EXPORTER_OTLP_ENDPOINT", "no url"),
    ]);
    let started = config.load().unwrap().start();
    let Err(runtrail::StartError::Open(errors)) = started else {
        panic!("it cannot start");
    };
    assert_eq!(errors.errors().len(), 2, "{errors}");
    let said = errors.to_string();
    assert!(
        said.contains("OTEL_EXPORTER_OTLP_ENDPOINT is not a URL"),
        "{said}"
    );
}

#[cfg(feature = "otlp")]
#[test]
fn spans_go_where_the_table_or_else_the_environment_says() {
    use runtrail_testkit::otlp::{Receiver, Reply};
    let receiver = || Receiver::http(|_| Reply::Take);
    let (one, other) = (receiver(), receiver());
    let toml = format!(
        "[[exporters]]\nname = \"otlp\"\nendpoint = \"{}?key=hunter2\"\nheaders = {{ x-key = \"hunter2\" }}\n\
         [[exporters]]\nname = \"otlp\"\nservice_name = \"shop\"\n",
        one.url()
    );
    let config = Config::builder()
        .text("f.toml", toml)
        .variables([variable("OTEL_EXPORTER_OTLP_ENDPOINT", &other.url())])
        .load()
        .unwrap();
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    let (trail, line) = logged(|| config.start().unwrap());
    assert!(!line.contains("hunter2"), "{line}");
    let sent = format!("otlp to {}/v1/traces (f.toml:5:1)", other.url());
    assert!(line.contains(&sent), "{line}");
    record(&trail);
    let report = trail.shutdown(Duration::from_secs(10));
    assert!(report.is_complete(), "{report}");
    for receiver in [one, other] {
        // The run and its op.
        assert_eq!(receiver.look(|store| store.spans.len()), 2);
    }
}

#[cfg(feature = "media")]
#[test]
fn media_go_to_the_folder_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("media");
    let toml = format!("[media]\nfolder = {:?}\n", at.display());
    let config = Config::builder().text("f.toml", toml).load().unwrap();
    let (trail, line) = logged(|| config.start().unwrap());
    let said = format!("; media: {} (f.toml:2:10); all else", at.display());
    assert!(line.contains(&said), "{line}");
    let run = trail.run("r1");
    let op = run.op("draw", &Ctx::default(), || ());
    op.media(b"abc".to_vec(), "image/png");
    op.end_ok(|| ());
    drop(run);
    let report = trail.shutdown(Duration::from_secs(5));
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.stats.media.stored, 1);
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 1);
}

#[test]
fn media_need_a_folder() {
    let errors = Config::builder()
        .text("f.toml", "[media]\nfoldr = \"x\"")
        .load();
    let said = errors.unwrap_err().to_string();
    assert!(said.contains("f.toml:1:1: media need a `folder`"), "{said}");
    assert!(
        said.contains("unknown key `foldr`; did you mean `folder`?"),
        "{said}"
    );
}
