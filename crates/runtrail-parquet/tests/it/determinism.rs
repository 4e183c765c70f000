//! Neither memory, nor threads, nor batches decide about bytes.

use runtrail_parquet::{Lake, LakeSettings, MIN_MEMORY, Partition};
use runtrail_testkit::strategies::batches_at;

use crate::it::support::{events, export, files, one_batch, small};

#[test]
fn memory_threads_and_batches_leave_no_trace() {
    let events = events(150);
    let mut seen = Vec::new();
    for (memory, threads, cuts) in [
        (1 << 30, 1, vec![]),
        (MIN_MEMORY, 1, vec![3, 400]),
        (MIN_MEMORY, 4, (1..events.len()).step_by(7).collect()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let settings = LakeSettings {
            memory,
            threads,
            ..small()
        };
        let lake = Lake::local(folder.path())
            .settings(settings)
            .open()
            .unwrap();
        let report = export(lake, &batches_at(&events, &cuts));
        assert!(
            report.files.len() >= 12,
            "several files and partitions: {}",
            report.files.len()
        );
        seen.push(files(folder.path()));
    }
    assert!(seen.iter().all(|files| files == &seen[0]));
}

#[test]
fn rows_that_wait_on_disk_come_back_as_they_were() {
    // Rows of very different lengths, three times a fifth of the least memory and more in all, so that
    // they are parked in the middle of what would otherwise be one batch.
    let mut run = runtrail_testkit::run::RunBuilder::new("r");
    run.step_micros(1_000_000);
    for number in 0..9000_usize {
        let length = if number % 3 == 0 {
            7
        } else {
            (number * 7919) % 9000
        };
        let note = format!(r#"{{"key":"k{number}","value":"{}"}}"#, "y".repeat(length));
        run.push("annotation", Some("x"), &["main"], &note);
    }
    let events = run.into_events();
    let export_with = |memory| {
        let folder = tempfile::tempdir().unwrap();
        let settings = LakeSettings {
            memory,
            ..LakeSettings::batch(memory, 1)
        };
        let lake = Lake::local(folder.path())
            .partition(Partition::Hour)
            .settings(settings)
            .open()
            .unwrap();
        export(lake, &one_batch(&events));
        files(folder.path())
    };
    assert!(export_with(MIN_MEMORY) == export_with(1 << 30));
}

#[test]
fn exporting_again_adds_nothing() {
    let events = events(60);
    let folder = tempfile::tempdir().unwrap();
    let once = || {
        export(
            Lake::local(folder.path()).settings(small()).open().unwrap(),
            &one_batch(&events),
        );
        files(folder.path())
    };
    assert_eq!(once().len(), once().len());
    assert!(once() == once());
}
