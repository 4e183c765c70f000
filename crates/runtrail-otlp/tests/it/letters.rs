//! Dead letters can be sent again, as they are.

use std::fs::File;
use std::io::{BufReader, Write};
use std::time::{Duration, Instant};

use runtrail_core::export::{ExportError, SpanExporter};
use runtrail_otlp::relay_lines;
use runtrail_testkit::otlp::{Receiver, Reply};

use super::support::{ended, export, run_of, to};

#[derive(Debug)]
struct Failed;

impl From<std::io::Error> for Failed {
    fn from(_: std::io::Error) -> Self {
        Failed
    }
}

impl From<ExportError> for Failed {
    fn from(_: ExportError) -> Self {
        Failed
    }
}

#[test]
fn what_was_given_up_arrives_later_under_the_same_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dead.jsonl");
    let batches = [ended(run_of("a", 5, 10)), ended(run_of("b", 5, 10))];
    {
        let refusing = Receiver::http(|_| Reply::Status(400));
        let otlp = to(&refusing.url()).dead_letters(&path).build().unwrap();
        let (_, counts) = export(otlp, &batches);
        assert_eq!(counts.dead_letters, 12);
    }
    // A letter that was torn, and what is no letter at all, are told of and passed over.
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"{\"resourceSpans\":[{\"scope").unwrap();

    let receiver = Receiver::http(|_| Reply::Take);
    let mut otlp = to(&receiver.url()).build().unwrap();
    let report = otlp.report();
    let lines = BufReader::new(File::open(&path).unwrap());
    let relayed = relay_lines(lines, |request| otlp.relay(request).map_err(Failed::from)).unwrap();
    Box::new(otlp)
        .close(Instant::now() + Duration::from_secs(5))
        .unwrap();
    assert_eq!((relayed.spans, relayed.bad_lines), (12, 1));
    assert_eq!((report.read().spans, report.read().accepted), (12, 12));

    let direct = Receiver::http(|_| Reply::Take);
    export(to(&direct.url()).build().unwrap(), &batches);
    let spans = |receiver: &Receiver| receiver.look(|store| store.spans.clone());
    assert_eq!(spans(&receiver), spans(&direct));
}

#[test]
fn letters_of_an_earlier_export_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dead.jsonl");
    std::fs::write(&path, "{\"torn").unwrap();
    let refusing = Receiver::http(|_| Reply::Status(400));
    let otlp = to(&refusing.url()).dead_letters(&path).build().unwrap();
    export(otlp, &[ended(run_of("a", 1, 1))]);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("{\"torn"));
    assert!(lines.next().unwrap().starts_with("{\"resourceSpans\""));
}

#[test]
fn letters_that_cannot_be_written_are_an_error() {
    let refusing = Receiver::http(|_| Reply::Status(400));
    let otlp = to(&refusing.url())
        .dead_letters("/nowhere/at/all")
        .build()
        .unwrap();
    let (error, counts) = export(otlp, &[ended(run_of("a", 1, 1))]);
    assert_eq!((counts.given_up, counts.dead_letters), (2, 0));
    let error = error.unwrap().to_string();
    assert_eq!(error, "cannot write dead letters to /nowhere/at/all");
}
