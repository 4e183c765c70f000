//! A hundred million events, where `RUNTRAIL_SLOW` is set.

use std::thread;
use std::time::Duration;

use runtrail_core::event::Ctx;
use runtrail_core::pipeline::Pipeline;
use runtrail_testkit::trouble::{Gate, Trouble, Troubled};

#[test]
fn the_sum_is_exact_however_many_events_come() {
    let slow = std::env::var_os("RUNTRAIL_SLOW").is_some();
    let events: u64 = if slow { 100_000_000 } else { 400_000 };
    let builder = Pipeline::builder();
    let trail = builder
        .exporter(Troubled(Trouble::Stuck(Gate::default())))
        .start()
        .unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let trail = &trail;
            scope.spawn(move || {
                let run = trail.run(&format!("r{}", thread % 3));
                for _ in 0..events / 16 {
                    let op = run.op("op", &Ctx::default(), || ("text", 1));
                    op.annotate("k", || "v");
                    op.annotate("k", || 1.5);
                    op.end_ok(|| ());
                }
            });
        }
        for _ in 0..100 {
            assert_eq!(trail.stats().imbalance(), 0);
            thread::yield_now();
        }
    });
    let report = trail.shutdown(Duration::from_secs(60));
    assert_eq!(report.stats.imbalance(), 0);
    assert_eq!(report.left(), 0);
    let stats = &report.stats;
    let total = stats.total();
    assert!(total.emitted >= events);
    assert_eq!(total.emitted, total.delivered + total.dropped);
    assert_eq!(stats.truncated, 0);
}
