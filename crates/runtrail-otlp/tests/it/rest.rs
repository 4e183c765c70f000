//! A program that has come to rest: what waits is sent all the same, and nobody waits for it too long.

use std::sync::mpsc::{Receiver as Told, channel};
use std::time::{Duration, Instant};

use runtrail_core::event::Ctx;
use runtrail_core::export::Exporter;
use runtrail_core::pipeline::Pipeline;
use runtrail_otlp::{Counts, OtlpReport, SendSettings};
use runtrail_testkit::otlp::{Receiver, Reply};

use super::support::{ended, protocols, quick, receiver, run_of, to};

/// Longer than anything here takes on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(30);

fn impatient() -> SendSettings {
    SendSettings {
        hold: Duration::from_millis(20),
        ..quick()
    }
}

/// A receiver that tells of each request before it answers.
fn telling(reply: Reply) -> (Receiver, Told<()>) {
    let (tell, told) = channel();
    let receiver = Receiver::http(move |_| {
        let _ = tell.send(());
        reply.clone()
    });
    (receiver, told)
}

/// The counts once nothing waits any more.
fn settled(report: &OtlpReport) -> Counts {
    let (_never, nothing) = channel::<()>();
    let began = Instant::now();
    loop {
        let counts = report.read();
        if counts.spans > 0 && counts.waiting == 0 {
            return counts;
        }
        assert!(began.elapsed() < LONG, "still waiting: {counts:?}");
        let _ = nothing.recv_timeout(Duration::from_millis(5));
    }
}

#[test]
fn the_last_run_of_a_live_program_arrives_without_another_event() {
    for protocol in protocols() {
        let (tell, told) = channel();
        let receiver = receiver(protocol, None, move |request| {
            let _ = tell.send(request.spans.len());
            Reply::Take
        });
        let otlp = to(&receiver.url()).protocol(protocol).settings(impatient());
        let otlp = otlp.build().unwrap();
        let report = otlp.report();
        let trail = Pipeline::builder().exporter(otlp.into_exporter()).start();
        let trail = trail.unwrap();
        let run = trail.run("r");
        run.op("op", &Ctx::default(), || 1).end_ok(|| 2);
        drop(run);
        let mut arrived = 0;
        while arrived < 2 {
            arrived += told.recv_timeout(LONG).unwrap();
        }
        assert_eq!(settled(&report).accepted, 2, "{protocol:?}");
        drop(trail.shutdown(LONG));
    }
}

#[test]
fn spans_of_a_run_that_goes_on_arrive_too() {
    let (receiver, told) = telling(Reply::Take);
    let otlp = to(&receiver.url()).settings(impatient()).build().unwrap();
    let report = otlp.report();
    let mut exporter = Box::new(otlp.into_exporter());
    let going_on = runtrail_core::export::Batch::new(run_of("r", 3, 1), []);
    exporter.export(&going_on).unwrap();
    told.recv_timeout(LONG).unwrap();
    assert_eq!(settled(&report).accepted, 3);
    exporter.close(Instant::now() + LONG).unwrap();
    assert_eq!(report.read().accepted, 4, "its root comes at the close");
}

#[test]
fn what_goes_wrong_meanwhile_is_told_at_the_next_call() {
    let (receiver, told) = telling(Reply::Status(400));
    let otlp = to(&receiver.url()).settings(impatient()).build().unwrap();
    let report = otlp.report();
    let mut exporter = Box::new(otlp.into_exporter());
    exporter.export(&ended(run_of("r", 1, 1))).unwrap();
    told.recv_timeout(LONG).unwrap();
    assert_eq!(settled(&report).given_up, 2);
    let error = exporter
        .flush(Instant::now() + LONG)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("2 spans were not delivered"), "{error}");
    exporter.close(Instant::now() + LONG).unwrap();
}

#[test]
fn a_close_does_not_wait_for_who_is_sending_and_nothing_is_lost_sight_of() {
    let (receiver, told) = telling(Reply::Hang);
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("dead.jsonl");
    let settings = SendSettings {
        attempt_timeout: Duration::from_secs(1),
        deadline: Duration::from_secs(3600),
        ..impatient()
    };
    let otlp = to(&receiver.url())
        .settings(settings)
        .dead_letters(&letters);
    let otlp = otlp.build().unwrap();
    let report = otlp.report();
    let mut exporter = Box::new(otlp.into_exporter());
    exporter.export(&ended(run_of("r", 3, 1))).unwrap();
    told.recv_timeout(LONG).unwrap();
    let error = exporter.close(Instant::now() + Duration::from_millis(20));
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("spans are still on their way to http://"),
        "{error}"
    );
    let counts = settled(&report);
    assert_eq!(
        (counts.spans, counts.given_up, counts.dead_letters),
        (4, 4, 4)
    );
    assert!(
        counts.reasons[0].starts_with("not taken in time"),
        "{counts:?}"
    );
    let kept = std::fs::read_to_string(&letters).unwrap();
    assert_eq!(kept.matches("\"spanId\"").count(), 4);
}

#[test]
fn whoever_comes_in_between_the_last_one_arrives() {
    let receiver = Receiver::http(|_| Reply::Take);
    let settings = SendSettings {
        hold: Duration::from_millis(1),
        ..quick()
    };
    let (_never, nothing) = channel::<()>();
    for round in 0..20 {
        let otlp = to(&receiver.url()).settings(settings).build().unwrap();
        let report = otlp.report();
        let mut exporter = Box::new(otlp.into_exporter());
        // Calls of the program and looks of the watcher meet in every order.
        for run in 0..20 {
            let id = format!("r{round}-{run}");
            exporter.export(&ended(run_of(&id, 1, 1))).unwrap();
            let _ = nothing.recv_timeout(Duration::from_micros(100 * run));
        }
        assert_eq!(settled(&report).accepted, 40);
        exporter.flush(Instant::now() + LONG).unwrap();
        exporter.export(&ended(run_of("last", 1, 1))).unwrap();
        assert_eq!(settled(&report).accepted, 42);
    }
}
