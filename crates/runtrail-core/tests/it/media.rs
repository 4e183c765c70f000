//! Media: stored once, off the emitting thread, and never lost in silence.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use runtrail_core::event::{Ctx, EventKind, View};
use runtrail_core::export::ExportError;
use runtrail_core::json::RawJson;
use runtrail_core::pipeline::{MEDIA_FAILED_KEY, MediaStore, Pipeline, Settings};
use runtrail_testkit::capture::{Arrived, Capture, CaptureHandle};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::trouble::Gate;

const LIMIT: Duration = Duration::from_secs(20);

/// What a store was handed, by handle.
type Stored = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Keeps bytes in memory; passes a gate first, fails at some bytes and panics at others.
#[derive(Default)]
struct Memory {
    gate: Gate,
    stored: Stored,
}

impl MediaStore for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn put(&mut self, handle: &str, bytes: &[u8], _mime: &str) -> Result<(), ExportError> {
        self.gate.pass();
        assert!(!bytes.starts_with(b"panic"), "asked to");
        if bytes.starts_with(b"fail") {
            return Err(ExportError::permanent("the disk is full"));
        }
        let mut stored = self.stored.lock().unwrap();
        let before = stored.insert(handle.to_owned(), bytes.to_vec());
        assert!(before.is_none(), "the same bytes came twice");
        Ok(())
    }
}

struct Setup {
    pipeline: Pipeline,
    arrived: CaptureHandle,
    gate: Gate,
    stored: Stored,
}

fn setup(settings: Settings) -> Setup {
    let (exporter, store) = (Capture::default(), Memory::default());
    let (arrived, gate, stored) = (exporter.handle(), store.gate.clone(), store.stored.clone());
    let builder = Pipeline::builder().exporter(exporter).media_store(store);
    Setup {
        pipeline: builder.settings(settings).start().unwrap(),
        arrived,
        gate,
        stored,
    }
}

/// Each reference: handle, size, and the error that it states.
fn references(arrived: &Arrived) -> Vec<(Option<String>, i64, Option<String>)> {
    let text = |value: RawJson<'_>| value.as_str().map(std::borrow::Cow::into_owned);
    let references = arrived.events.iter().filter_map(|event| {
        let View::MediaRef(view) = event.view() else {
            return None;
        };
        let payload: serde_json::Value = serde_json::from_str(event.payload.text()).unwrap();
        let error = payload.get("error").and_then(|error| error.as_str());
        Some((
            view.handle.and_then(text),
            view.size_bytes.and_then(RawJson::as_i64).unwrap(),
            error.map(str::to_owned),
        ))
    });
    references.collect()
}

/// The notes that tell of bytes which were not stored.
fn failures(arrived: &Arrived) -> Vec<String> {
    let notes = arrived.events.iter().filter_map(|event| {
        let View::Annotation(view) = event.view() else {
            return None;
        };
        let key = view.key.and_then(RawJson::as_str)?;
        let value = view.value?.text().to_owned();
        (key == MEDIA_FAILED_KEY).then_some(value)
    });
    notes.collect()
}

/// A buffer of which is known who keeps it.
struct Buffer(Arc<Vec<u8>>);

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn a_slice_that_waits_keeps_none_of_its_buffer() {
    let setup = setup(Settings::default());
    let kept = Arc::new(vec![7; 1 << 20]);
    let buffer = Bytes::from_owner(Buffer(kept.clone()));
    setup.gate.shut();
    let run = setup.pipeline.run("r");
    let op = run.op("one", &Ctx::default(), || ());
    op.media(buffer.slice(..3), "text/plain");
    drop(buffer);
    assert_eq!(Arc::strong_count(&kept), 1);
    setup.gate.open();
    op.end_ok(|| ());
    drop(run);
    let report = setup.pipeline.shutdown(LIMIT);
    assert_eq!(
        (report.stats.media.stored, report.stats.imbalance()),
        (1, 0)
    );
    assert!(setup.stored.lock().unwrap().values().eq([&vec![7; 3]]));
}

#[test]
fn bytes_are_stored_once_and_referred_to_where_they_were_put() {
    let setup = setup(Settings::default());
    let run = setup.pipeline.run("r");
    for name in ["one", "other"] {
        let op = run.op(name, &Ctx::default(), || ());
        op.media(b"abc".to_vec(), "text/plain");
        op.end_ok(|| ());
    }
    run.op("last", &Ctx::default(), || ())
        .media(&b""[..], "image/png");
    drop(run);
    let report = setup.pipeline.shutdown(LIMIT);
    assert!(report.is_complete(), "{report}");
    let media = report.stats.media;
    assert_eq!((media.stored, media.repeated, media.waiting), (2, 1, 0));
    let stored = setup.stored.lock().unwrap();
    let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(stored.get(abc).map(Vec::as_slice), Some(&b"abc"[..]));
    assert_eq!(stored.len(), 2);

    let arrived = setup.arrived.arrived();
    let kinds: Vec<&EventKind> = arrived.events.iter().map(|event| &event.kind).collect();
    let (start, media, end) = (&EventKind::OpStart, &EventKind::MediaRef, &EventKind::OpEnd);
    assert_eq!(
        kinds,
        [start, media, end, start, media, end, start, media, end]
    );
    let spans = &fold_runs(&arrived.events)[0].spans;
    for span in &spans[..2] {
        assert_eq!(span.media.len(), 1);
        assert_eq!(span.media[0].handle.as_deref(), Some(abc));
        assert_eq!(span.media[0].mime.as_deref(), Some("text/plain"));
        assert_eq!(span.media[0].size_bytes, Some(3));
    }
}

#[test]
fn a_store_that_fails_is_told_of_in_the_run_though_it_was_over() {
    let setup = setup(Settings::default());
    setup.gate.shut();
    let run = setup.pipeline.run("r");
    let op = run.op("main", &Ctx::default(), || ());
    op.media(b"fail".to_vec(), "a/b");
    op.end_ok(|| ());
    drop(run);
    // Bytes on their way are not stored: who refers to them as well is told as well.
    let other = setup.pipeline.run("other");
    let op = other.op("main", &Ctx::default(), || ());
    for _ in 0..2 {
        op.media(b"fail".to_vec(), "a/b");
    }
    drop((op, other));
    setup.gate.open();
    assert!(setup.pipeline.flush(LIMIT).is_complete());
    let run = setup.pipeline.run("again");
    let op = run.op("main", &Ctx::default(), || ());
    op.media(b"fail".to_vec(), "a/b");
    drop((op, run));
    let report = setup.pipeline.shutdown(LIMIT);
    assert!(!report.is_complete());
    assert_eq!(report.stats.imbalance(), 0);
    assert_eq!(
        (report.stats.media.failed, report.stats.media.stored),
        (2, 0)
    );
    let arrived = setup.arrived.arrived();
    let handle = references(&arrived)[0].0.clone().unwrap();
    let told = format!("{{\"handle\":\"{handle}\",\"error\":\"the disk is full\"}}");
    assert_eq!(failures(&arrived), [told.clone(), told.clone(), told]);
    let mut ends: Vec<&str> = arrived.ends.iter().map(|end| &*end.request_id).collect();
    ends.sort_unstable();
    assert_eq!(ends, ["again", "other", "r"]);
}

#[test]
fn a_store_that_panics_is_called_no_more() {
    let setup = setup(Settings::default());
    let run = setup.pipeline.run("r");
    let op = run.op("main", &Ctx::default(), || ());
    op.media(b"panic".to_vec(), "a/b");
    assert!(setup.pipeline.flush(LIMIT).is_complete());
    op.media(b"abc".to_vec(), "a/b");
    op.end_ok(|| ());
    drop(run);
    let report = setup.pipeline.shutdown(LIMIT);
    assert_eq!(report.stats.media.failed, 2);
    assert_eq!(failures(&setup.arrived.arrived()).len(), 2);
    assert!(setup.stored.lock().unwrap().is_empty());
}

#[test]
fn what_finds_no_room_says_so_and_emitting_never_waits() {
    let settings = Settings {
        max_bytes: 4 << 20,
        ..Settings::default()
    };
    let setup = setup(settings);
    setup.gate.shut();
    let run = setup.pipeline.run("r");
    let op = run.op("main", &Ctx::default(), || ());
    for byte in 0..8 {
        op.media(vec![byte; 400 << 10], "a/b");
    }
    let stats = setup.pipeline.stats();
    assert!(
        stats.media.refused > 0 && stats.media.waiting > 0,
        "{stats:?}"
    );
    assert!(stats.waiting_bytes <= 4 << 20, "{stats:?}");
    let flushed = setup.pipeline.flush(Duration::from_millis(50));
    assert_eq!(flushed.media_waiting, stats.media.waiting);
    assert!(!flushed.is_complete());
    setup.gate.open();
    op.end_ok(|| ());
    drop(run);
    let report = setup.pipeline.shutdown(LIMIT);
    assert_eq!(report.stats.media.stored + report.stats.media.refused, 8);
    let arrived = setup.arrived.arrived();
    let refused = references(&arrived)
        .into_iter()
        .filter(|(_, _, error)| error.is_some());
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len() as u64, report.stats.media.refused);
    assert!(refused.iter().all(|(handle, size, error)| {
        handle.is_none()
            && *size == 400 << 10
            && error.as_deref() == Some("too much waits to be stored")
    }));
    assert!(failures(&arrived).is_empty());
    let held = setup.pipeline.stats().media.waiting;
    assert_eq!(held, 0);
}

#[test]
fn what_a_stuck_store_leaves_is_told_of_before_the_end() {
    let setup = setup(Settings::default());
    setup.gate.shut();
    let run = setup.pipeline.run("r");
    let op = run.op("main", &Ctx::default(), || ());
    op.media(b"one".to_vec(), "a/b");
    op.media(b"two".to_vec(), "a/b");
    op.end_ok(|| ());
    drop(run);
    let report = setup.pipeline.shutdown(Duration::from_millis(400));
    assert!(!report.is_complete());
    assert_eq!(report.stats.media.stored, 0);
    let arrived = setup.arrived.arrived();
    let told = failures(&arrived);
    assert_eq!(told.len(), 2, "{arrived:?}");
    assert!(
        told[0].contains("the pipeline ended before it was stored"),
        "{told:?}"
    );
    assert_eq!(arrived.ends.len(), 1);
    setup.gate.open();
}

#[test]
fn without_a_store_a_reference_says_so() {
    let exporter = Capture::default();
    let arrived = exporter.handle();
    let pipeline = Pipeline::builder().exporter(exporter).start().unwrap();
    let run = pipeline.run("r");
    let op = run.op("main", &Ctx::default(), || ());
    op.media(b"abc".to_vec(), "a/b");
    op.end_ok(|| ());
    drop(run);
    let report = pipeline.shutdown(LIMIT);
    assert_eq!(report.stats.media.refused, 1);
    let said = Some("there is no media store".to_owned());
    assert_eq!(references(&arrived.arrived()), [(None, 3, said)]);
    // What is not recorded refers to nothing.
    Pipeline::disabled()
        .run("r")
        .op("main", &Ctx::default(), || ())
        .media(b"abc".to_vec(), "a/b");
}

#[test]
fn a_run_that_is_over_takes_no_media() {
    let setup = setup(Settings::default());
    let run = setup.pipeline.run("r");
    let op = run.op("main", &Ctx::default(), || ());
    drop(run);
    op.media(b"abc".to_vec(), "a/b");
    drop(op);
    let other = setup.pipeline.run("finished");
    let op = other.op("main", &Ctx::default(), || ());
    setup.pipeline.finish_run("finished");
    op.media(b"def".to_vec(), "a/b");
    drop((op, other));
    let report = setup.pipeline.shutdown(LIMIT);
    assert_eq!(report.stats.imbalance(), 0);
    assert_eq!(
        (report.stats.media.refused, report.stats.runs_ended),
        (2, 2)
    );
    assert!(setup.stored.lock().unwrap().is_empty());
}

#[test]
fn items_that_are_passed_over_are_counted_all_the_same() {
    let exporter = Capture::default();
    let arrived = exporter.handle();
    let pipeline = Pipeline::builder().exporter(exporter).start().unwrap();
    let run = pipeline.run("r");
    for (name, every) in [("thirds", 3), ("none", 0), ("all", 1)] {
        let op = run.op(name, &Ctx::default(), || ()).yields_every(every);
        for item in 0..7 {
            assert_eq!(op.yield_item(|| item), item);
        }
        op.end_ok(|| ());
    }
    drop(run);
    assert!(pipeline.shutdown(LIMIT).is_complete());
    let spans = fold_runs(&arrived.arrived().events).remove(0).spans;
    let told: Vec<_> = spans
        .iter()
        .map(|span| {
            let yields = &span.yields;
            (
                yields.seen,
                yields.count,
                yields.first_index,
                yields.last_index,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (3, 7, Some(0), Some(6)),
            (0, 7, None, None),
            (7, 7, Some(0), Some(6))
        ]
    );
}
