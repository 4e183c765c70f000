//! Lakes whose parts are damaged.

use std::fs;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runtrail_parquet::{LakeReader, RunFilter, is_decoding};
use serde_json::json;

use super::support::{Session, op};

/// Whether reading the lake's events makes the decoder panic.
fn panics(lake: &LakeReader, seen: &AtomicBool) -> bool {
    seen.store(false, Ordering::Relaxed);
    let read = lake.read_events(RunFilter::Every, &mut |_, _| Ok::<(), std::fmt::Error>(()));
    read.is_ok() && seen.load(Ordering::Relaxed)
}

#[test]
fn a_decoder_that_gives_up_is_an_error_and_no_panic() {
    let session = Session::new();
    let ok = json!({"status": "ok"});
    let lines = (0..40).flat_map(|run| op(&format!("r{run}"), run, "x", &["y"], &ok));
    session.write("a.jsonl", lines.collect::<Vec<_>>().join("\n"));
    session.answer(&["export", "a.jsonl", "--to", "lake"]);
    let (part, sound) = session.files("lake/events").remove(0);
    let lake = LakeReader::open(&session.path("lake")).unwrap().unwrap();

    let seen = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&seen);
    panic::set_hook(Box::new(move |panic| {
        assert!(is_decoding(), "{panic}");
        note.store(true, Ordering::Relaxed);
    }));
    let damaged = (0..sound.len()).find(|at| {
        let mut bytes = sound.clone();
        bytes[*at] ^= 1;
        fs::write(&part, bytes).unwrap();
        panics(&lake, &seen)
    });
    drop(panic::take_hook());
    assert!(damaged.is_some(), "no such damage: this test says nothing");

    for command in [
        &["runs", "lake"][..],
        &["cat", "lake"],
        &["verify", "a.jsonl", "--lake", "lake"],
        &["export", "lake", "--to", "again"],
    ] {
        let ended = session.run(command);
        assert!([1, 4].contains(&ended.code), "{ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
        assert!(
            (ended.stdout + &ended.stderr).contains("its decoder gave up"),
            "{command:?}"
        );
    }
}
