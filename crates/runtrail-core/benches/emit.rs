//! What recording costs its thread, one function for each way; Callgrind counts, see `counted_op` and `counted_event`.
//!
//! ```text
//! emit CASE RECORDS
//! ```

use std::hint::black_box;
use std::time::Duration;

use runtrail_core::emit::{Op, Run};
use runtrail_core::event::Ctx;
use runtrail_core::export::{Batch, ExportError, Exporter};
use runtrail_core::pipeline::{Overflow, Pipeline, Settings, StartError};
use serde::Serialize;

#[derive(Serialize)]
struct Attributes<'a> {
    prompt: &'a str,
    attempt: u64,
    cache: &'a str,
}

fn attributes(attempt: u64) -> Attributes<'static> {
    Attributes {
        prompt: black_box("0123456789012345678901234567890123456789012345678901234567890123"),
        attempt,
        cache: "miss",
    }
}

/// Takes everything and does nothing with it.
struct Nothing;

impl Exporter for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }
    fn export(&mut self, _batch: &Batch) -> Result<(), ExportError> {
        Ok(())
    }
    fn flush(&mut self, _deadline: std::time::Instant) -> Result<(), ExportError> {
        Ok(())
    }
    fn close(self: Box<Self>, _deadline: std::time::Instant) -> Result<(), ExportError> {
        Ok(())
    }
}

/// An op, from its start to its end.
#[inline(never)]
fn counted_op(run: &Run, ctx: &Ctx, attempt: u64) {
    let op = run.op("main.fetch", ctx, || attributes(attempt));
    op.end_ok(|| ());
}

/// An event on an op.
#[inline(never)]
fn counted_event(op: &Op, attempt: u64) {
    op.annotate("fetched", || attributes(attempt));
}

fn main() -> Result<(), StartError> {
    let mut arguments = std::env::args().skip(1);
    let (Some(case), Some(records)) = (arguments.next(), arguments.next()) else {
        return Ok(());
    };
    let Ok(records) = records.parse::<u64>() else {
        return Ok(());
    };
    let trail = match case.as_str() {
        "op_off" | "event_off" => Pipeline::disabled(),
        _ => Pipeline::builder()
            .exporter(Nothing)
            // So that every record is counted on the same way, none on that of a full ring.
            .settings(Settings {
                ring_events: 1 << 16,
                overflow: Overflow::Block(Duration::from_secs(60)),
                ..Settings::default()
            })
            .start()?,
    };
    let run = trail.run("req-42");
    let ctx = Ctx::new(["main", "[0]"]);
    let op = run.op("main.fetch", &ctx, || ());
    for attempt in 0..records {
        match case.as_str() {
            "op" | "op_off" => counted_op(&run, &ctx, attempt),
            _ => counted_event(&op, attempt),
        }
    }
    op.end_ok(|| ());
    drop(run);
    let report = trail.shutdown(Duration::from_secs(60));
    assert_eq!(report.stats.imbalance(), 0);
    assert!(report.is_complete(), "{report}");
    Ok(())
}
