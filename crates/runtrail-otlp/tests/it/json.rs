//! JSON over HTTP: the same spans, the same sums.

use runtrail_otlp::map::Content;
use runtrail_otlp::{Compression, Otlp, OtlpBuilder, Protocol, SendSettings};
use runtrail_testkit::otlp::{Receiver, Reply, Request};

use super::support::{ended, export, quick, run_of, to};

fn json_to(url: &str) -> OtlpBuilder {
    to(url).protocol(Protocol::HttpJson)
}

fn header(request: &Request, name: &str) -> Option<String> {
    request.headers.get(name).cloned()
}

#[test]
fn the_same_spans_arrive_as_over_protobuf() {
    let batches = [ended(run_of("a", 5, 50)), ended(run_of("\"b\u{1}é", 5, 1))];
    let stores = [Protocol::HttpProtobuf, Protocol::HttpJson].map(|protocol| {
        let receiver = Receiver::http(|_| Reply::Take);
        let otlp = to(&receiver.url()).protocol(protocol).content(Content::ALL);
        let (error, counts) = export(otlp.build().unwrap(), &batches);
        assert!(error.is_none(), "{error:?}");
        assert_eq!((counts.accepted, counts.requests), (12, 1));
        receiver.look(|store| store.spans.clone())
    });
    assert_eq!(stores[0], stores[1]);
}

#[test]
fn requests_say_what_they_are() {
    for (compression, wanted) in [
        (Compression::None, None),
        (Compression::Gzip, Some("gzip".to_owned())),
    ] {
        let receiver = Receiver::http(|_| Reply::Take);
        let otlp = json_to(&receiver.url()).compression(compression);
        export(otlp.build().unwrap(), &[ended(run_of("a", 5, 50))]);
        receiver.look(|store| {
            let request = &store.requests[0];
            assert_eq!(request.path, "/v1/traces");
            assert_eq!(
                header(request, "content-type").as_deref(),
                Some("application/json")
            );
            assert_eq!(header(request, "content-encoding"), wanted);
            assert_eq!(store.spans.len(), 6);
        });
    }
}

#[test]
fn the_environment_asks_for_it() {
    let receiver = Receiver::http(|_| Reply::Take);
    let variables = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json".to_owned()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let otlp = Otlp::builder().variables(variables).build().unwrap();
    export(otlp, &[ended(run_of("a", 1, 1))]);
    let kind = receiver.look(|store| header(&store.requests[0], "content-type"));
    assert_eq!(kind.as_deref(), Some("application/json"));
}

#[test]
fn answers_in_json_are_counted() {
    let receiver = Receiver::http(|_| Reply::Partial(3));
    let otlp = json_to(&receiver.url()).build().unwrap();
    let (error, counts) = export(otlp, &[ended(run_of("r", 9, 1))]);
    assert!(error.is_none());
    assert_eq!((counts.accepted, counts.rejected), (7, 3));
    assert_eq!(counts.reasons, ["as the script says"]);
}

#[test]
fn what_is_too_large_is_halved_and_cut_and_what_is_refused_is_kept() {
    let receiver = Receiver::http(|request| {
        if request.spans.iter().any(|span| span.name == "main.op0") {
            return Reply::Status(400);
        }
        Reply::Status(if request.bytes > 5000 { 413 } else { 200 })
    });
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("dead.jsonl");
    let otlp = json_to(&receiver.url())
        .content(Content::ALL)
        .dead_letters(&letters);
    let settings = SendSettings {
        batch_spans: 2,
        ..quick()
    };
    let otlp = otlp.settings(settings).build().unwrap();
    let (error, counts) = export(otlp, &[ended(run_of("r", 5, 20_000))]);
    assert!(error.is_none());
    // The first two go together and are refused; the others are cut one by one, but for the root.
    assert_eq!((counts.spans, counts.given_up), (6, 2));
    assert_eq!((counts.accepted, counts.shrunk), (4, 3));
    let text = std::fs::read_to_string(&letters).unwrap();
    assert_eq!(text.matches("\"spanId\"").count(), 2);
    assert!(text.contains(r#""name":"main.op0""#));
}

#[test]
fn no_request_has_more_bytes_than_it_may() {
    let receiver = Receiver::http(|_| Reply::Take);
    let settings = SendSettings {
        batch_bytes: 20_000,
        ..quick()
    };
    let otlp = json_to(&receiver.url())
        .settings(settings)
        .content(Content::ALL);
    // Control characters have six bytes in JSON.
    let (error, counts) = export(
        otlp.build().unwrap(),
        &[
            ended(run_of("r", 40, 500)),
            ended(run_of("\u{1}\u{2}", 40, 500)),
        ],
    );
    assert!(error.is_none());
    assert_eq!(counts.accepted, 82);
    receiver.look(|store| {
        assert!(store.requests.len() > 4);
        for request in &store.requests {
            assert!(request.bytes <= 20_000, "{}", request.bytes);
        }
    });
}
