//! What a server that hangs costs a program that goes on recording.

use std::time::Duration;

use runtrail_core::event::Ctx;
use runtrail_core::pipeline::{Overflow, Pipeline, Settings};
use runtrail_otlp::map::Content;
use runtrail_otlp::{Otlp, SendSettings};
use runtrail_testkit::otlp::{Receiver, Reply};

/// Bytes of memory that this process holds, by the kernel's count; `None` where it does not say.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}

/// Waits until something has happened, and then until the memory of this process holds still.
fn wait_until_settled(happened: impl Fn() -> bool) {
    const STEP: Duration = Duration::from_millis(100);
    let (_nobody, nothing) = std::sync::mpsc::channel::<()>();
    let mut still = 0;
    let mut last = 0;
    for _ in 0..200 {
        let _ = nothing.recv_timeout(STEP);
        let now = resident().unwrap();
        still = if happened() && now.abs_diff(last) <= 256 << 10 {
            still + 1
        } else {
            0
        };
        if still == 5 {
            return;
        }
        last = now;
    }
    panic!("nothing happened, or the memory never held still");
}

#[test]
fn a_live_pipeline_keeps_its_budget_while_the_server_hangs() {
    const QUEUED: usize = 16 << 20;
    const HELD: usize = 4 << 20;
    let receiver = Receiver::http(|_| Reply::Hang);
    let settings = SendSettings {
        held_bytes: HELD,
        ..SendSettings::default()
    };
    let otlp = Otlp::builder()
        .variables([])
        .endpoint(receiver.url())
        .settings(settings)
        .content(Content::ALL);
    let otlp = otlp.build().unwrap();
    let report = otlp.report();
    let builder = Pipeline::builder().settings(Settings {
        max_bytes: QUEUED,
        queue_events: usize::MAX / 8,
        // So that it is the queue that is full, and not the rings.
        overflow: Overflow::Block(Duration::from_secs(10)),
        ..Settings::default()
    });
    let Some(before) = resident() else { return };
    let trail = builder.exporter(otlp.into_exporter()).start().unwrap();
    let text = "x".repeat(1000);
    let (mut early, mut most) = (0, 0);
    for round in 0..40 {
        let run = trail.run(&format!("r{round}"));
        for _ in 0..1000 {
            run.op("op", &Ctx::default(), || &text).end_ok(|| &text);
        }
        drop(run);
        if round == 20 {
            // The request that hangs is made, and decoded on the other side, in its own time.
            wait_until_settled(|| report.read().requests > 0);
        }
        most = most.max(resident().unwrap());
        if round <= 20 {
            early = most;
        }
        let stats = trail.stats();
        assert_eq!(stats.imbalance(), 0);
        assert!(stats.waiting_bytes as usize <= QUEUED);
    }
    // 80 MB were recorded: what did not fit was dropped, and counted.
    let stats = trail.stats();
    assert!(stats.exporters[0].dropped.total() > 25_000, "{stats:?}");
    let counts = report.read();
    assert_eq!(counts.accepted, 0);
    assert!(counts.requests > 0, "{counts:?}");
    // Besides what waits in the pipeline and in the exporter there is a request on both sides of the
    // socket, since the receiver decodes it in this process; and all of that was there early on.
    let grew = most.saturating_sub(before);
    assert!(grew <= QUEUED + HELD + (48 << 20), "grew by {grew} bytes");
    let late = most - early;
    assert!(late <= 4 << 20, "grew by {late} bytes in the second half");
    let report = trail.shutdown(Duration::from_millis(10));
    assert_eq!(report.stats.imbalance(), 0);
}
