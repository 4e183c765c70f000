//! What a stuck exporter costs.

use std::time::{Duration, Instant};

use runtrail_core::event::Ctx;
use runtrail_core::export::{Batch, ExportError, Exporter};
use runtrail_core::pipeline::{Builder, Overflow, Pipeline, Settings};
use runtrail_testkit::trouble::{Gate, Trouble, Troubled};

/// Bytes of memory that this process holds, by the kernel's count.
fn resident() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size())
}

/// Reads what it is handed, and keeps nothing.
struct Reads;

impl Exporter for Reads {
    fn name(&self) -> &'static str {
        "reads"
    }
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        for event in batch.events() {
            std::hint::black_box(event.payload.text().as_str());
        }
        Ok(())
    }
    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }
    fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }
}

/// Fills the queue of an exporter that is stuck, beside others.
fn check(others: impl FnOnce(Builder) -> Builder) {
    const BUDGET: usize = 32 << 20;
    let Some(before) = resident() else { return };
    let gate = Gate::default();
    gate.shut();
    let builder = Pipeline::builder().settings(Settings {
        max_bytes: BUDGET,
        queue_events: usize::MAX / 8,
        // So that it is the queue that is full, and not the rings.
        overflow: Overflow::Block(Duration::from_secs(10)),
        ..Settings::default()
    });
    let troubled = Troubled(Trouble::Stuck(gate.clone()));
    let trail = others(builder.exporter(troubled)).start().unwrap();
    let run = trail.run("r1");
    let text = "x".repeat(1000);
    let mut most = 0;
    for _ in 0..30 {
        for _ in 0..1000 {
            run.op("op", &Ctx::default(), || &text).end_ok(|| &text);
        }
        most = most.max(resident().unwrap());
        let stats = trail.stats();
        assert_eq!(stats.imbalance(), 0);
        assert!(stats.waiting_bytes as usize <= BUDGET);
    }
    assert!(trail.stats().exporters[0].dropped.total() > 0);
    assert!(trail.stats().total().dropped > 10_000);
    let grew = most.saturating_sub(before);
    assert!(grew <= BUDGET + (16 << 20), "grew by {grew} bytes");
    drop(run);
    let report = trail.shutdown(Duration::from_millis(10));
    assert_eq!(report.stats.imbalance(), 0);
    gate.open();
}

#[test]
fn a_stuck_exporter_takes_its_budget_and_no_more() {
    check(|builder| builder);
}

#[test]
fn a_stuck_exporter_holds_nothing_of_what_another_one_reads() {
    check(|builder| builder.exporter(Reads));
}
