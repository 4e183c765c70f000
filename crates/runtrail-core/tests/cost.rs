//! What recording may cost: allocations are counted here, never time.

use std::hint::black_box;
use std::time::Duration;

use allocation_counter::measure;
use runtrail_core::event::Ctx;
use runtrail_core::pipeline::Pipeline;
use runtrail_testkit::trouble::{Gate, Trouble, Troubled};
use serde::Serialize;

#[derive(Serialize)]
struct Attributes<'a> {
    prompt: &'a str,
    attempt: u64,
    cache: &'a str,
}

fn attributes(prompt: &str) -> Attributes<'_> {
    Attributes {
        prompt,
        attempt: 3,
        cache: "miss",
    }
}

const RECORDS: u64 = 100;

/// Allocations of this thread for each of some records, rounded up.
fn allocations(mut record: impl FnMut()) -> u64 {
    // The first record makes the thread's ring and its buffers.
    record();
    let counted = measure(|| (0..RECORDS).for_each(|_| record()));
    counted.count_total.div_ceil(RECORDS)
}

#[test]
fn small_payloads_allocate_nothing_and_large_ones_once() {
    let exporter = Troubled(Trouble::Stuck(Gate::default()));
    let trail = Pipeline::builder().exporter(exporter).start().unwrap();
    let run = trail.run("r1");
    let ctx = Ctx::new(["main", "[0]"]);
    let (small, large) = ("x".repeat(64), "x".repeat(300));
    let op = run.op("main.fetch", &ctx, || ());
    let annotate = |text: &str| op.annotate("fetched", || attributes(black_box(text)));
    assert_eq!(allocations(|| annotate(&small)), 0);
    assert_eq!(allocations(|| annotate(&large)), 1);
    let whole = |text: &str| {
        let op = run.op("main.fetch", &ctx, || attributes(black_box(text)));
        op.end_ok(|| "done");
    };
    assert_eq!(allocations(|| whole(&small)), 0);
    assert_eq!(allocations(|| whole(&large)), 1);
    assert_eq!(allocations(|| drop(run.group("turn"))), 0);
    let item = || {
        op.yield_item(|| 1);
    };
    assert_eq!(allocations(item), 0);
    op.end_ok(|| ());
    drop(run);
    let report = trail.shutdown(Duration::from_secs(20));
    assert!(report.is_complete(), "{report}");
}

#[test]
fn what_is_not_recorded_allocates_nothing() {
    let trail = Pipeline::disabled();
    let run = trail.run("r1");
    let ctx = Ctx::default();
    let record = || {
        let op = run.op("main.fetch", &ctx, || "x".repeat(1000));
        op.annotate("k", || "x".repeat(1000));
        op.end_ok(|| "x".repeat(1000));
    };
    assert_eq!(allocations(record), 0);
}
