//! The host is safe: on every runtime, however the pipeline ends, whatever an exporter does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use runtrail_core::event::Ctx;
use runtrail_core::pipeline::{Overflow, Pipeline, Settings};
use runtrail_testkit::capture::Capture;
use runtrail_testkit::host::{End, Host, Stuck, assert_in_time};
use runtrail_testkit::trouble::{Gate, Trouble, Troubled};

/// What a shutdown may take where an exporter makes trouble.
const SHORT: Duration = Duration::from_millis(60);
/// What it may take where all is to arrive: the machine that runs this may be busy.
const LONG: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Health {
    Healthy,
    Stuck,
    PanicsOnExport,
    PanicsAtTheEnd,
}

impl Health {
    const ALL: [Self; 4] = [
        Self::Healthy,
        Self::Stuck,
        Self::PanicsOnExport,
        Self::PanicsAtTheEnd,
    ];

    fn limit(self) -> Duration {
        if self == Self::Healthy { LONG } else { SHORT }
    }

    fn start(self, gate: &Gate) -> Pipeline {
        let builder = Pipeline::builder().settings(Settings {
            drop_deadline: self.limit(),
            ..Settings::default()
        });
        let builder = match self {
            Self::Healthy => builder.exporter(Capture::default()),
            Self::Stuck => builder.exporter(Troubled(Trouble::Stuck(gate.clone()))),
            Self::PanicsOnExport => builder.exporter(Troubled(Trouble::PanicsOnExport)),
            Self::PanicsAtTheEnd => builder.exporter(Troubled(Trouble::PanicsAtTheEnd)),
        };
        builder.start().unwrap()
    }
}

fn take(host: Host, end: End, health: Health) -> Duration {
    let gate = Gate::default();
    if health == Health::Stuck {
        gate.shut();
    }
    let is_healthy = health == Health::Healthy;
    let took = end.of(health.start(&gate), host, health.limit(), is_healthy);
    gate.open();
    took
}

fn check(host: Host, end: End, health: Health) {
    let what = format!("{host:?} {end:?} {health:?}");
    match health {
        Health::Healthy => assert!(take(host, end, health) < LONG, "{what}"),
        _ => assert_in_time(&what, SHORT, || take(host, end, health)),
    }
}

fn check_all(host: Host) {
    for end in End::ALL {
        for health in Health::ALL {
            check(host, end, health);
        }
    }
}

#[test]
fn without_a_runtime() {
    check_all(Host::ALL[0]);
}

#[test]
fn in_a_current_thread_runtime() {
    check_all(Host::ALL[1]);
}

#[test]
fn in_a_multi_thread_runtime_with_one_worker() {
    check_all(Host::ALL[2]);
}

#[test]
fn in_a_multi_thread_runtime_with_four_workers() {
    check_all(Host::ALL[3]);
}

#[test]
fn a_shutdown_is_in_time_whatever_is_stuck_and_however_much_waits() {
    let patient = Overflow::Block(SHORT * 20);
    for stuck in Stuck::ALL {
        for overflow in [Overflow::DropNewest, Overflow::DropOldest, patient] {
            let what = format!("{stuck:?} {overflow:?}");
            assert_in_time(&what, SHORT, || stuck.shut_down(overflow, SHORT));
        }
    }
}

#[test]
fn emitting_never_waits_for_an_exporter() {
    let gate = Gate::default();
    gate.shut();
    let trail = Health::Stuck.start(&gate);
    let run = trail.run("r1");
    for _ in 0..200_000 {
        run.annotate("n", || "x");
    }
    assert_eq!(trail.stats().imbalance(), 0);
    assert_eq!(trail.stats().exporters[0].delivered, 0);
    drop(run);
    let report = trail.shutdown(SHORT);
    assert_eq!(report.stats.imbalance(), 0);
    assert!(report.left() > 0 && !report.is_complete());
    gate.open();
}

#[test]
fn a_group_ends_in_error_and_an_op_cancelled_when_the_host_panics() {
    let capture = Capture::default();
    let arrived = capture.handle();
    let trail = Pipeline::builder().exporter(capture).start().unwrap();
    let run = trail.run("r1");
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _group = run.group("g");
        let _op = run.op("op", &Ctx::default(), || ());
        panic!("the host's own panic");
    }));
    assert!(result.is_err());
    drop(run);
    assert!(trail.shutdown(Duration::from_secs(10)).is_complete());
    let events = arrived.arrived().events;
    let status = |index: usize| {
        let raw = events[index].payload.raw().get("status").unwrap();
        raw.as_str().unwrap().into_owned()
    };
    assert_eq!((status(2), status(3)), ("cancelled".into(), "error".into()));
}

#[test]
fn a_guard_outlives_its_pipeline() {
    let trail = Pipeline::builder()
        .exporter(Capture::default())
        .start()
        .unwrap();
    let run = trail.run("r1");
    let op = run.op("op", &Ctx::default(), || ());
    assert!(trail.shutdown(Duration::from_secs(10)).worker_done);
    drop(trail);
    op.annotate("n", || 1);
    op.op("child", || ()).end_ok(|| ());
    op.end_ok(|| ());
    drop(run);
}
