//! Every fault over every protocol and compression: to the span, what was sent is accepted, rejected or
//! a dead letter, and the receiver has exactly what is said to be accepted.

use std::time::Duration;

use runtrail_otlp::{Compression, Protocol, SendSettings};
use runtrail_testkit::otlp::{Reply, Request};

use super::support::{ended, export, protocols, quick, receiver, run_of, to};

/// Spans of two runs of nine ops.
const SPANS: u64 = 20;

/// What a receiver does, and what the spans come to: accepted, rejected, dead letters.
struct Case {
    name: &'static str,
    /// The last answer is given again and again.
    replies: Vec<Reply>,
    settings: SendSettings,
    wanted: (u64, u64, u64),
}

fn case(name: &'static str, replies: &[Reply], wanted: (u64, u64, u64)) -> Case {
    Case {
        name,
        replies: replies.to_vec(),
        settings: quick(),
        wanted,
    }
}

fn impatient(name: &'static str, replies: &[Reply], wanted: (u64, u64, u64)) -> Case {
    let settings = SendSettings {
        attempt_timeout: Duration::from_millis(30),
        deadline: Duration::from_millis(60),
        ..quick()
    };
    Case {
        settings,
        ..case(name, replies, wanted)
    }
}

fn cases() -> Vec<Case> {
    use Reply::{Cut, Hang, Partial, RetryAfter, Status, Take, TakeAndCut};
    let soon = || RetryAfter(429, "0".to_owned());
    let late = RetryAfter(503, "100".to_owned());
    vec![
        case("taken", &[Take], (SPANS, 0, 0)),
        case("taken in part", &[Partial(7)], (SPANS - 7, 7, 0)),
        case("taken not at all", &[Partial(99)], (0, SPANS, 0)),
        case("refused", &[Status(400)], (0, 0, SPANS)),
        case("quoted", &[Reply::Quote], (0, 0, SPANS)),
        case("a moment, please", &[soon(), soon(), Take], (SPANS, 0, 0)),
        case("busy", &[Status(503), Status(503), Take], (SPANS, 0, 0)),
        case("cut, then in part", &[Cut, Partial(1)], (SPANS - 1, 1, 0)),
        case("taken, then cut", &[TakeAndCut, Take], (SPANS, 0, 0)),
        impatient("busy for ever", &[Status(503)], (0, 0, SPANS)),
        impatient("later than there is time", &[late], (0, 0, SPANS)),
        impatient("hangs for ever", &[Hang], (0, 0, SPANS)),
        impatient("cut for ever", &[Cut], (0, 0, SPANS)),
    ]
}

fn compressions() -> Vec<Compression> {
    let mut all = vec![Compression::None, Compression::Gzip];
    if cfg!(feature = "zstd") {
        all.push(Compression::Zstd);
    }
    all
}

fn check(case: &Case, protocol: Protocol, compression: Compression) {
    let what = format!("{} over {protocol:?} under {compression:?}", case.name);
    let replies = case.replies.clone();
    let script = move |request: &Request| replies[request.number.min(replies.len() - 1)].clone();
    let receiver = receiver(protocol, None, script);
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("dead.jsonl");
    let otlp = to(&receiver.url())
        .protocol(protocol)
        .compression(compression)
        .settings(case.settings)
        .dead_letters(&letters);
    let runs = [run_of("a", 9, 10), run_of("b", 9, 10)].map(ended);
    let (error, counts) = export(otlp.build().unwrap(), &runs);
    assert!(error.is_none(), "{what}: {error:?}");
    let found = (counts.accepted, counts.rejected, counts.dead_letters);
    assert_eq!((counts.spans, found), (SPANS, case.wanted), "{what}");
    assert_eq!(counts.given_up, counts.dead_letters, "{what}");
    let kept = std::fs::read_to_string(&letters).unwrap_or_default();
    let kept = kept.matches("\"spanId\"").count() as u64;
    assert_eq!(kept, counts.dead_letters, "{what}: in the file");
    let stored = receiver.look(|store| store.spans.len()) as u64;
    assert_eq!(stored, counts.accepted, "{what}: at the receiver");
}

#[test]
fn every_span_is_accounted_for_whatever_the_receiver_does() {
    let cases = cases();
    for protocol in protocols() {
        for compression in compressions() {
            for case in &cases {
                check(case, protocol, compression);
            }
        }
    }
}
