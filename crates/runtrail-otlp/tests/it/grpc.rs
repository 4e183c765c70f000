//! The same over gRPC, and its limit of 4 MiB.

use std::time::Duration;

use runtrail_otlp::map::Content;
use runtrail_otlp::{Protocol, SendSettings};
use runtrail_testkit::otlp::{Receiver, Reply, Request};

use super::support::{ended, export, quick, run_of, to};

fn in_turn(replies: Vec<Reply>) -> impl FnMut(&Request) -> Reply + Send {
    move |request| replies[request.number.min(replies.len() - 1)].clone()
}

#[test]
fn every_answer_is_counted() {
    let hang = SendSettings {
        attempt_timeout: Duration::from_millis(200),
        ..quick()
    };
    for (replies, settings, wanted) in [
        (vec![Reply::Take], quick(), (10, 0, 0)),
        (vec![Reply::Partial(4)], quick(), (6, 4, 0)),
        (vec![Reply::Status(400)], quick(), (0, 0, 10)),
        (vec![Reply::Status(429)], quick(), (0, 0, 10)),
        (
            vec![Reply::RetryAfter(429, "0".to_owned()), Reply::Take],
            quick(),
            (10, 0, 0),
        ),
        (vec![Reply::Status(503), Reply::Take], quick(), (10, 0, 0)),
        (vec![Reply::TakeAndCut, Reply::Take], quick(), (10, 0, 0)),
        (vec![Reply::Hang, Reply::Take], hang, (10, 0, 0)),
    ] {
        let receiver = Receiver::grpc(in_turn(replies.clone()));
        let folder = tempfile::tempdir().unwrap();
        let otlp = to(&receiver.url())
            .protocol(Protocol::Grpc)
            .header("x-key", "secret")
            .settings(settings)
            .dead_letters(folder.path().join("dead.jsonl"))
            .build()
            .unwrap();
        let (error, counts) = export(otlp, &[ended(run_of("r", 9, 10))]);
        assert!(error.is_none(), "{replies:?}: {error:?}");
        let found = (counts.accepted, counts.rejected, counts.dead_letters);
        assert_eq!(found, wanted, "{replies:?}");
        let key = receiver.look(|store| store.requests[0].headers.get("x-key").cloned());
        assert_eq!(key.as_deref(), Some("secret"));
    }
}

#[test]
fn messages_beyond_the_limit_of_the_server_all_arrive() {
    const RUNS: usize = 100;
    const OPS: usize = 999;
    let receiver = Receiver::grpc(|_| Reply::Take);
    let settings = SendSettings {
        // Twice what the server takes.
        batch_bytes: 8 << 20,
        batch_spans: 100_000,
        ..quick()
    };
    let otlp = to(&receiver.url())
        .protocol(Protocol::Grpc)
        .settings(settings)
        .content(Content::ALL)
        .build()
        .unwrap();
    let report = otlp.report();
    let mut exporter = Box::new(otlp.into_exporter());
    for run in 0..RUNS {
        let batch = ended(run_of(&format!("r{run}"), OPS, 10));
        runtrail_core::export::Exporter::export(&mut *exporter, &batch).unwrap();
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    runtrail_core::export::Exporter::close(exporter, deadline).unwrap();
    let counts = report.read();
    let all = (RUNS * (OPS + 1)) as u64;
    assert_eq!((counts.spans, counts.accepted), (all, all));
    let (stored, refused) = receiver.look(|store| (store.spans.len() as u64, store.too_large));
    assert_eq!(stored, all);
    assert!(
        refused > 0 && counts.splits > 0,
        "no message was beyond the limit"
    );
}
