//! What a stuck exporter costs.

use std::time::{Duration, Instant};

use runtrail_core::event::Ctx;
use runtrail_core::export::{Batch, ExportError, Exporter};
use runtrail_core::pipeline::{Builder, Overflow, Pipeline, Settings};
use runtrail_core::process::{DropOps, OpFilterSettings};
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

/// What a pipeline with a stuck exporter may hold beside its budget: buffers of threads, the batch that
/// the exporter has, what the allocator keeps.
const BESIDE: usize = 16 << 20;

/// A pipeline with an exporter that is stuck.
struct Stuck {
    trail: Pipeline,
    gate: Gate,
    budget: usize,
    before: usize,
    most: usize,
}

impl Stuck {
    /// Starts it, beside others; none where the memory of this process cannot be read.
    fn start(budget: usize, others: impl FnOnce(Builder) -> Builder) -> Option<Self> {
        let before = resident()?;
        let gate = Gate::default();
        gate.shut();
        let builder = Pipeline::builder().settings(Settings {
            max_bytes: budget,
            queue_events: usize::MAX / 8,
            // So that it is the queue that is full, and not the rings.
            overflow: Overflow::Block(Duration::from_secs(10)),
            ..Settings::default()
        });
        let troubled = Troubled(Trouble::Stuck(gate.clone()));
        Some(Self {
            trail: others(builder.exporter(troubled)).start().unwrap(),
            gate,
            budget,
            before,
            most: before,
        })
    }

    fn look(&mut self) {
        self.most = self.most.max(resident().unwrap());
        let stats = self.trail.stats();
        assert_eq!(stats.imbalance(), 0);
        assert!(stats.waiting_bytes as usize <= self.budget, "{stats:?}");
    }

    fn end(mut self) {
        self.look();
        let report = self.trail.shutdown(Duration::from_millis(10));
        assert_eq!(report.stats.imbalance(), 0);
        self.gate.open();
        let grew = self.most.saturating_sub(self.before);
        assert!(grew <= self.budget + BESIDE, "grew by {grew} bytes");
    }
}

/// Fills the queue of an exporter that is stuck, beside others.
fn check(others: impl FnOnce(Builder) -> Builder) {
    let Some(mut stuck) = Stuck::start(32 << 20, others) else {
        return;
    };
    let run = stuck.trail.run("r1");
    let text = "x".repeat(1000);
    for _ in 0..30 {
        for _ in 0..1000 {
            run.op("op", &Ctx::default(), || &text).end_ok(|| &text);
        }
        stuck.look();
    }
    assert!(stuck.trail.stats().exporters[0].dropped.total() > 0);
    assert!(stuck.trail.stats().total().dropped > 10_000);
    drop(run);
    stuck.end();
}

#[test]
fn a_stuck_exporter_takes_its_budget_and_no_more() {
    check(|builder| builder);
}

#[test]
fn a_stuck_exporter_holds_nothing_of_what_another_one_reads() {
    check(|builder| builder.exporter(Reads));
}

#[test]
fn what_processors_leave_over_keeps_nothing_of_the_rest() {
    let filter = DropOps::new(&OpFilterSettings::of(["noise"])).unwrap();
    let Some(mut stuck) = Stuck::start(8 << 20, |builder| builder.processor(filter)) else {
        return;
    };
    let run = stuck.trail.run("r1");
    let text = "n".repeat(400);
    for note in 0..600 {
        for _ in 0..100 {
            run.op("noise", &Ctx::default(), || &text).end_ok(|| &text);
        }
        run.annotate("kept", || note);
        stuck.look();
    }
    drop(run);
    stuck.end();
}

#[test]
fn ends_that_a_full_queue_takes_keep_nothing_of_the_rest() {
    let Some(mut stuck) = Stuck::start(8 << 20, |builder| builder) else {
        return;
    };
    let run = stuck.trail.run("r1");
    let text = "n".repeat(100);
    let ops: Vec<_> = (0..500)
        .map(|_| run.op("op", &Ctx::default(), || ()))
        .collect();
    for op in ops {
        for _ in 0..600 {
            run.annotate("rest", || &text);
        }
        op.end_ok(|| ());
        stuck.look();
    }
    drop(run);
    stuck.end();
}

#[test]
fn long_paths_are_counted() {
    let Some(mut stuck) = Stuck::start(8 << 20, |builder| builder) else {
        return;
    };
    let run = stuck.trail.run("r1");
    for number in 0..2000 {
        let ctx = Ctx::new([format!("{number}{}", "c".repeat(40_000))]);
        run.op("op", &ctx, || ()).end_ok(|| ());
        stuck.look();
    }
    drop(run);
    stuck.end();
}

#[test]
fn long_run_ids_are_counted() {
    let Some(mut stuck) = Stuck::start(8 << 20, |builder| builder) else {
        return;
    };
    for number in 0..2000 {
        let run = stuck.trail.run(&format!("{number}{}", "i".repeat(40_000)));
        run.annotate("k", || 1);
        drop(run);
        stuck.look();
    }
    stuck.end();
}

#[test]
fn ends_of_runs_are_counted() {
    let Some(mut stuck) = Stuck::start(1 << 20, |builder| builder) else {
        return;
    };
    for number in 0..40_000 {
        let run = stuck.trail.run(&format!("{number}{}", "i".repeat(1000)));
        run.annotate("k", || 1);
        drop(run);
        if number % 100 == 0 {
            stuck.look();
        }
    }
    stuck.end();
}
