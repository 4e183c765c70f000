//! Exporting as OpenTelemetry spans.

use runtrail_testkit::otlp::{Receiver, Reply};

use super::support::Session;

const ARCHIVE: &str = "runtrail-demo/archive";

#[test]
fn runs_arrive_as_spans_and_again_change_nothing() {
    let session = Session::with_demo();
    let receiver = Receiver::http(|_| Reply::Take);
    let args = [
        "export",
        ARCHIVE,
        "--to",
        &receiver.url(),
        "--exporter",
        "otlp",
        "--format",
        "json",
    ];
    let mut seen = Vec::new();
    for _ in 0..2 {
        let summary = session.json(&args);
        let stored = receiver.look(|store| store.spans.clone());
        let spans = &summary["spans"];
        assert_eq!(spans["sent"], spans["accepted"]);
        assert_eq!(spans["sent"], stored.len());
        assert_eq!(
            summary["runs"],
            stored
                .values()
                .filter(|s| s.parent_span_id.is_empty())
                .count()
        );
        let has_input = |key: &str| key == "input.value";
        assert!(
            !stored
                .values()
                .any(|span| span.attributes.iter().any(|a| has_input(&a.key)))
        );
        seen.push(stored);
    }
    assert_eq!(seen[0], seen[1]);
    session.answer(&[&args[..], &["--content", "--namespace", "other"]].concat());
    assert_eq!(receiver.look(|store| store.spans.len()), 2 * seen[0].len());
}

#[test]
fn a_file_of_spans_is_written_and_can_be_sent() {
    let session = Session::with_demo();
    let to_file = [
        "export",
        ARCHIVE,
        "--to",
        "out/spans.jsonl",
        "--exporter",
        "otlp-json",
    ];
    let text = session.answer(&to_file);
    assert!(
        text.contains("1 file,") && text.contains("spans = accepted + rejected"),
        "{text}"
    );
    let first = std::fs::read(session.path("out/spans.jsonl")).unwrap();
    session.answer(&to_file);
    assert_eq!(
        first,
        std::fs::read(session.path("out/spans.jsonl")).unwrap()
    );

    let direct = Receiver::http(|_| Reply::Take);
    session.answer(&[
        "export",
        ARCHIVE,
        "--to",
        &direct.url(),
        "--exporter",
        "otlp",
    ]);
    let later = Receiver::http(|_| Reply::Take);
    session.answer(&[
        "export",
        "out/spans.jsonl",
        "--to",
        &later.url(),
        "--exporter",
        "otlp",
    ]);
    let spans = |receiver: &Receiver| receiver.look(|store| store.spans.clone());
    assert_eq!(spans(&direct), spans(&later));
}

#[test]
fn bad_lines_beside_a_file_of_spans_are_kept() {
    let session = Session::with_demo();
    let archive = session.files(ARCHIVE).remove(0).1;
    session.write("bad.jsonl", [&archive, b"garbage\n".as_slice()].concat());
    let to_file = [
        "export",
        "bad.jsonl",
        "--to",
        "spans.jsonl",
        "--exporter",
        "otlp-json",
    ];
    for _ in 0..2 {
        let ended = session.run(&to_file);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let kept = std::fs::read_to_string(session.path("spans.jsonl.quarantine.jsonl")).unwrap();
        assert!(kept.contains("\"text\":\"garbage\""), "{kept}");
    }
}

#[test]
fn what_is_refused_is_kept_counted_and_can_be_sent_again() {
    let mut session = Session::with_demo();
    let refusing = Receiver::http(|request| match request.number {
        0 => Reply::Status(400),
        _ => Reply::Take,
    });
    let url = refusing.url();
    let export = [
        "export",
        ARCHIVE,
        "--to",
        &url,
        "--exporter",
        "otlp",
        "--dead-letter",
        "dead.jsonl",
    ];
    let ended = session.run(&export);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.stdout.contains("note: the receiver: HTTP 400"),
        "{}",
        ended.stdout
    );
    let again = [
        "export",
        "dead.jsonl",
        "--to",
        &url,
        "--exporter",
        "otlp",
        "--format",
        "json",
    ];
    let summary = session.json(&again);
    assert_eq!(
        summary["spans"]["accepted"],
        refusing.look(|store| store.spans.len())
    );
    assert_eq!(summary["bad_lines"], 0);

    let lost = Receiver::http(|_| Reply::Status(400));
    let ended = session.run(&["export", ARCHIVE, "--to", &lost.url(), "--exporter", "otlp"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (4, ""));
    assert!(
        ended
            .stderr
            .contains("spans were not delivered to http://localhost"),
        "{}",
        ended.stderr
    );

    for to in [
        &["lake", "--exporter", "otlp"][..],
        &["lake", "--content"],
        &["x.jsonl", "--exporter", "otlp-json", "--dead-letter", "d"],
        &["runtrail-demo", "--exporter", "otlp-json"],
        &["http://user:s3cret@host", "--exporter", "otlp"],
        &["ftp://host", "--exporter", "otlp"],
    ] {
        session.tell(&[&["export", ARCHIVE, "--to"], to].concat());
    }
    session.tell(&[
        "export",
        "dead.jsonl",
        "--to",
        "http://x",
        "--exporter",
        "otlp",
        "--dead-letter",
        "dead.jsonl",
    ]);
    session.check("spans");
}
