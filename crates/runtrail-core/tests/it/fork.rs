//! A process that forks: the child's copy of the pipeline is quiet, and the parent's goes on. The child may
//! start one of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use runtrail_core::event::Ctx;
use runtrail_core::export::ExportError;
use runtrail_core::pipeline::{Handle, MediaStore, Overflow, Pipeline, Settings};
use runtrail_testkit::capture::Capture;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

const LIMIT: Duration = Duration::from_secs(20);
/// Every fork finds the worker, the exporter and other threads at another place.
const FORKS: usize = 40;

/// Uses everything that there is, as a child that does not know that it is one; returns whether
/// nothing was recorded.
fn live_on(trail: Pipeline, run: &runtrail_core::emit::Run) -> bool {
    // Each takes one cell and two places beside the cells, which are full first.
    let open = |number: usize| run.op("child", &Ctx::new([number.to_string()]), || "x".repeat(300));
    drop((0..100).map(open).collect::<Vec<_>>());
    // More than a ring holds, so that every way into it is taken.
    for _ in 0..400 {
        let op = run.op("child", &Ctx::new(["child"]), || "x".repeat(300));
        op.annotate("n", || 1);
        op.media(&b"bytes"[..], "text/plain");
        op.end_ok(|| ());
    }
    let other = trail.run("child");
    let quiet = !other.is_recorded()
        && trail.stats().emitted == 0
        && trail.flush(LIMIT).exporters.is_empty()
        && trail.shutdown(LIMIT).stats.exporters.is_empty();
    trail.finish_run("r1");
    let elsewhere = run.clone();
    let thread = thread::spawn(move || elsewhere.annotate("n", || 1));
    drop(other);
    drop(trail);
    quiet && thread.join().is_ok() && begins_anew()
}

/// Whether the child can record for itself.
fn begins_anew() -> bool {
    let capture = Capture::default();
    let arrived = capture.handle();
    let trail = Pipeline::builder().exporter(capture).start().unwrap();
    let run = trail.run("own");
    run.annotate("n", || 1);
    drop(run);
    let report = trail.shutdown(LIMIT);
    report.is_complete() && arrived.arrived().events.len() == 1
}

/// How a child ended; one that hangs is killed.
fn end_of(child: Pid) -> Option<i32> {
    let (_keep, never) = mpsc::channel::<()>();
    let until = Instant::now() + LIMIT;
    while Instant::now() < until {
        if let Some((_, status)) = waitpid(Some(child), WaitOptions::NOHANG).unwrap() {
            return status.exit_status();
        }
        let _ = never.recv_timeout(Duration::from_millis(1));
    }
    kill_process(child, Signal::KILL).unwrap();
    waitpid(Some(child), WaitOptions::empty()).unwrap();
    None
}

/// Takes media, and keeps none.
struct Nowhere;

impl MediaStore for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
    }

    fn put(&mut self, _handle: &str, _bytes: &[u8], _mime: &str) -> Result<(), ExportError> {
        Ok(())
    }
}

/// Takes every lock of a pipeline all the time, so that some fork finds each of them held.
fn hold_locks(trail: &Handle, done: &AtomicBool) -> u64 {
    let mut noted = 0;
    while !done.load(Ordering::Relaxed) {
        for number in 0..50_u64 {
            let run = trail.run("r2");
            run.op("op", &Ctx::default(), || ())
                .media(number.to_le_bytes().to_vec(), "a/b");
            noted += 3;
        }
        // Its ring goes to the next one.
        thread::scope(|scope| {
            scope.spawn(|| trail.run("r3").annotate("n", || 1));
        });
        noted += 1;
    }
    noted
}

/// Lets the other threads end, also where a check failed: the test would wait for it forever.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_forked_child_is_quiet_and_the_parent_goes_on() {
    let capture = Capture::default();
    let arrived = capture.handle();
    let settings = Settings {
        ring_events: 64,
        overflow: Overflow::Block(LIMIT),
        ..Settings::default()
    };
    let builder = Pipeline::builder().settings(settings).exporter(capture);
    let builder = builder.media_store(Nowhere);
    let mut trail = Some(builder.start().unwrap());
    let handle = trail.as_ref().unwrap().handle();
    let run = trail.as_ref().unwrap().run("r1");
    let done = AtomicBool::new(false);
    let noted = thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let mut noted = 0_u64;
            while !done.load(Ordering::Relaxed) {
                run.annotate("parent", || "x");
                noted += 1;
            }
            noted
        });
        let holding = scope.spawn(|| hold_locks(&handle, &done));
        let over = Done(&done);
        for _ in 0..FORKS {
            run.annotate("parent", || "before");
            match fork::fork().unwrap() {
                fork::Fork::Child => {
                    let quiet = live_on(trail.take().unwrap(), &run);
                    std::process::exit(i32::from(!quiet));
                }
                fork::Fork::Parent(child) => {
                    let child = Pid::from_raw(child).unwrap();
                    assert_eq!(end_of(child), Some(0), "the child hung, or was not quiet");
                }
            }
        }
        drop(over);
        busy.join().unwrap() + holding.join().unwrap() + FORKS as u64
    });
    drop(run);
    let report = trail.take().unwrap().shutdown(LIMIT);
    // On a busy machine the exporter's queue may fill up.
    assert_eq!(
        (report.stats.imbalance(), report.left()),
        (0, 0),
        "{report}"
    );
    assert_eq!(report.stats.emitted, noted);
    let delivered = report.stats.exporters[0].delivered;
    assert_eq!(arrived.arrived().events.len() as u64, delivered);
}
