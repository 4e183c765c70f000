//! Whatever the receiver does: sent = accepted + rejected + given up, to the span.

use std::time::Duration;

use runtrail_otlp::map::Content;
use runtrail_otlp::{Compression, Counts, SendSettings};
use runtrail_testkit::otlp::{Receiver, Reply, Request};

use super::support::{ended, export, quick, run_of, to};

const OPS: usize = 9;
/// The ops and the run.
const SPANS: u64 = 10;

/// What one export of one run comes to, and what the receiver has.
fn outcome(
    settings: SendSettings,
    script: impl FnMut(&Request) -> Reply + Send + 'static,
) -> (Counts, usize, Option<String>) {
    let receiver = Receiver::http(script);
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("dead.jsonl");
    let otlp = to(&receiver.url())
        .settings(settings)
        .dead_letters(&letters)
        .build()
        .unwrap();
    let (error, counts) = export(otlp, &[ended(run_of("r", OPS, 10))]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(counts.spans, SPANS);
    assert_eq!(counts.given_up, counts.dead_letters);
    let text = std::fs::read_to_string(&letters).ok();
    let in_file = text
        .as_deref()
        .map_or(0, |text| text.matches("\"spanId\"").count());
    assert_eq!(in_file as u64, counts.dead_letters);
    (counts, receiver.look(|store| store.spans.len()), text)
}

/// Answers by the number of the request, the last answer again and again.
fn in_turn(replies: Vec<Reply>) -> impl FnMut(&Request) -> Reply + Send {
    move |request| replies[request.number.min(replies.len() - 1)].clone()
}

#[test]
fn all_is_well() {
    let (counts, stored, letters) = outcome(quick(), |_| Reply::Take);
    assert_eq!((counts.accepted, stored, counts.requests), (SPANS, 10, 1));
    assert_eq!(letters, None);
}

#[test]
fn a_partial_success_is_no_success_for_the_rest() {
    let (counts, stored, _) = outcome(quick(), |_| Reply::Partial(3));
    assert_eq!((counts.accepted, counts.rejected, stored), (7, 3, 7));
    assert_eq!(counts.reasons, ["as the script says"]);
}

#[test]
fn what_is_refused_is_not_sent_again() {
    for status in [400, 401, 403, 404, 415, 422, 500] {
        let (counts, stored, letters) = outcome(quick(), move |_| Reply::Status(status));
        assert_eq!(
            (counts.given_up, counts.requests, stored),
            (SPANS, 1, 0),
            "{status}"
        );
        let wanted = format!(r#""runtrailDeadLetter":{{"reason":"HTTP {status}"#);
        assert!(letters.unwrap().contains(&wanted));
    }
}

#[test]
fn busy_servers_are_tried_again() {
    for status in [429, 502, 503, 504] {
        let replies = vec![Reply::Status(status), Reply::Status(status), Reply::Take];
        let (counts, stored, _) = outcome(quick(), in_turn(replies));
        assert_eq!(
            (counts.accepted, counts.retries, stored),
            (SPANS, 2, 10),
            "{status}"
        );
    }
}

#[test]
fn a_server_that_asks_for_time_gets_it() {
    for after in ["0", "Sat, 21 Nov 1990 01:00:00 GMT"] {
        let replies = vec![Reply::RetryAfter(429, after.to_owned()), Reply::Take];
        let (counts, stored, _) = outcome(quick(), in_turn(replies));
        assert_eq!(
            (counts.accepted, counts.retries, stored),
            (SPANS, 1, 10),
            "{after}"
        );
    }
}

#[test]
fn a_server_that_asks_for_more_time_than_there_is_gets_no_more_requests() {
    let (counts, _, letters) = outcome(quick(), |_| Reply::RetryAfter(503, "100000".to_owned()));
    assert_eq!((counts.given_up, counts.requests), (SPANS, 1));
    assert!(letters.unwrap().contains("not taken in time: HTTP 503"));
}

#[test]
fn a_server_that_stays_busy_is_given_up_in_time() {
    let settings = SendSettings {
        deadline: Duration::from_millis(200),
        ..quick()
    };
    let (counts, stored, _) = outcome(settings, |_| Reply::Status(503));
    assert_eq!((counts.given_up, stored), (SPANS, 0));
    assert!(counts.requests > 3);
}

#[test]
fn what_is_too_large_is_halved() {
    let script = |request: &Request| match request.spans.len() {
        0..=3 => Reply::Take,
        _ => Reply::Status(413),
    };
    let (counts, stored, _) = outcome(quick(), script);
    assert_eq!((counts.accepted, stored), (SPANS, 10));
    assert_eq!(counts.splits, 3);
}

#[test]
fn one_span_that_is_too_large_is_cut_harder_and_then_given_up() {
    let receiver = Receiver::http(|request| {
        if request.spans.iter().any(|span| span.name == "main.op0") {
            return Reply::Status(413);
        }
        let large = request.bytes > 3000;
        if large {
            Reply::Status(413)
        } else {
            Reply::Take
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("dead.jsonl");
    let otlp = to(&receiver.url())
        .content(Content::ALL)
        .dead_letters(letters)
        .build()
        .unwrap();
    let (error, counts) = export(otlp, &[ended(run_of("r", 3, 20_000))]);
    assert!(error.is_none());
    assert_eq!(
        (
            counts.spans,
            counts.accepted,
            counts.given_up,
            counts.shrunk
        ),
        (4, 3, 1, 2)
    );
}

#[test]
fn a_hanging_server_costs_the_attempt_and_no_more() {
    let settings = SendSettings {
        attempt_timeout: Duration::from_millis(100),
        ..quick()
    };
    let (counts, stored, _) = outcome(settings, in_turn(vec![Reply::Hang, Reply::Take]));
    assert_eq!((counts.accepted, counts.retries, stored), (SPANS, 1, 10));
}

#[test]
fn a_cut_connection_may_have_done_its_work() {
    for cut in [Reply::Cut, Reply::TakeAndCut] {
        let (counts, stored, _) = outcome(quick(), in_turn(vec![cut, Reply::Take]));
        // Taken twice is taken once: ids are what spans are kept by.
        assert_eq!((counts.accepted, counts.retries, stored), (SPANS, 1, 10));
    }
}

#[test]
fn nobody_listens() {
    let url = Receiver::http(|_| Reply::Take).url();
    let settings = SendSettings {
        deadline: Duration::from_millis(100),
        ..quick()
    };
    let otlp = to(&url).settings(settings).build().unwrap();
    let (error, counts) = export(otlp, &[ended(run_of("r", OPS, 10))]);
    assert_eq!((counts.given_up, counts.dead_letters), (SPANS, 0));
    let error = error.unwrap().to_string();
    assert!(
        error.starts_with("10 spans were not delivered to http://localhost:"),
        "{error}"
    );
}

#[test]
fn zstd_is_sent_where_asked_and_gzip_where_it_is_refused() {
    let encoding = |request: &Request| request.headers.get("content-encoding").cloned();
    for (refuses, wanted) in [(false, "zstd"), (true, "gzip")] {
        let receiver = Receiver::http(move |request| {
            let refused = refuses && encoding(request).as_deref() == Some("zstd");
            if refused {
                Reply::Status(415)
            } else {
                Reply::Take
            }
        });
        let asked = if cfg!(feature = "zstd") {
            Compression::Zstd
        } else {
            Compression::Gzip
        };
        let otlp = to(&receiver.url()).compression(asked).build().unwrap();
        let (error, counts) = export(otlp, &[ended(run_of("r", OPS, 10))]);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(counts.accepted, SPANS);
        let last = receiver.look(|store| encoding(store.requests.last().unwrap()));
        let wanted = if cfg!(feature = "zstd") {
            wanted
        } else {
            "gzip"
        };
        assert_eq!(last.as_deref(), Some(wanted));
    }
}

#[test]
fn an_error_over_one_run_costs_no_other() {
    let receiver = Receiver::http(|request| match request.number {
        0 => Reply::Status(400),
        _ => Reply::Take,
    });
    let settings = SendSettings {
        // A run and its root fill a request.
        batch_spans: 3,
        ..quick()
    };
    let otlp = to(&receiver.url()).settings(settings).build().unwrap();
    let runs = ["a", "b", "c"].map(|run| run_of(run, 2, 1));
    let batch = runtrail_testkit::strategies::batches_at(&runs.concat(), &[]);
    let (error, counts) = export(otlp, &batch);
    assert!(error.is_some());
    assert_eq!((counts.spans, counts.accepted, counts.given_up), (9, 6, 3));
}

#[test]
fn sending_again_changes_nothing() {
    let receiver = Receiver::http(|_| Reply::Take);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let otlp = to(&receiver.url()).build().unwrap();
        export(otlp, &[ended(run_of("a", 5, 1)), ended(run_of("b", 5, 1))]);
        seen.push(receiver.look(|store| store.spans.clone()));
    }
    assert_eq!(seen[0].len(), 12);
    assert_eq!(seen[0], seen[1]);
    assert_eq!(receiver.look(|store| store.taken), 24);
}

#[test]
fn memory_stays_bounded_while_the_server_hangs() {
    let receiver = Receiver::http(|_| Reply::Hang);
    let settings = SendSettings {
        attempt_timeout: Duration::from_millis(5),
        deadline: Duration::from_millis(10),
        held_bytes: 50_000,
        batch_bytes: 20_000,
        ..quick()
    };
    let otlp = to(&receiver.url())
        .settings(settings)
        .content(Content::ALL)
        .build()
        .unwrap();
    let report = otlp.report();
    let mut exporter = Box::new(otlp.into_exporter());
    let mut most = 0;
    for run in 0..40 {
        // Runs that never end: nothing but the limits makes them go.
        let batch = runtrail_core::export::Batch::new(run_of(&format!("r{run}"), 10, 1000), []);
        let _ = runtrail_core::export::Exporter::export(&mut *exporter, &batch);
        most = most.max(report.read().waiting);
    }
    // A span is at least its input of 1,000 bytes; what waits is what is held and the next request.
    assert!(most <= 80, "{most} spans waited");
    assert!(report.read().given_up > 200);
}

#[test]
fn pacing_spreads_what_is_sent() {
    let receiver = Receiver::http(|_| Reply::Take);
    let settings = SendSettings {
        spans_per_second: Some(100),
        ..quick()
    };
    let otlp = to(&receiver.url()).settings(settings).build().unwrap();
    let began = std::time::Instant::now();
    let (_, counts) = export(otlp, &[ended(run_of("r", 120, 1))]);
    assert_eq!(counts.accepted, 121);
    // The first hundred go at once, the others when their second has passed.
    assert!(began.elapsed() >= Duration::from_millis(900));
    assert!(receiver.look(|store| store.requests.len()) >= 2);
}
