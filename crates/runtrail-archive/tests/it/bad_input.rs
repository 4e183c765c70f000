//! Files that are no archives, or only in part.

use std::sync::atomic::Ordering;

use runtrail_archive::{Archive, ArchiveError, ReadOptions};
use runtrail_core::wire::WireOptions;

use super::support::{Files, found, gzip, line, lines, read};

#[test]
fn an_empty_file_is_named_and_costs_nothing() {
    let files = Files::new();
    let path = files.write("empty", "");
    let empty = read(&[&path], ReadOptions::default());
    assert_eq!(
        (empty.show(), empty.report.empty),
        (String::new(), vec![path])
    );
    for nothing in ["\n \r\n\t", "[]", "\u{feff}", "[\n]\n[]"] {
        assert_eq!(
            found(&[&files.write("nothing", nothing)]),
            "",
            "{nothing:?}"
        );
    }
    assert_eq!(found(&[&files.write("nothing.gz", gzip(""))]), "");
}

#[test]
fn what_is_no_text_is_one_reject() {
    let files = Files::new();
    let utf16: Vec<u8> = line(1).encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (what, bytes) in [
        (
            "UTF-16 text; convert it to UTF-8",
            [vec![0xff, 0xfe], utf16.clone()].concat(),
        ),
        ("binary data", utf16),
        ("binary data", b"\x7fELF\x02\x01\x01\0\0\0\0".to_vec()),
        ("a Parquet file", b"PAR1".to_vec()),
    ] {
        let path = files.write("binary", &bytes);
        assert_eq!(found(&[&path]), format!("<not_text 1:0+{}>", bytes.len()));
        let reject = &read(&[&path], ReadOptions::default()).rejects[0];
        assert_eq!(reject.reason.to_string(), format!("not an archive: {what}"));
    }
}

#[test]
fn bytes_that_are_not_utf_8_cost_their_line_and_are_kept() {
    let files = Files::new();
    let bad = [
        b"{\"event_id\":\"".to_vec(),
        b"\xff\xfe\xe2\x82 \xc3\xa9".to_vec(),
        b"\"}".to_vec(),
    ]
    .concat();
    let cut_character = b"\xe2\x82".to_vec();
    let text = [
        line(1).into(),
        bad.clone(),
        line(2).into(),
        cut_character.clone(),
        line(3).into(),
    ]
    .join(&b'\n');
    let path = files.write("bad", &text);
    let (first, second) = (
        line(1).len() + 1,
        line(1).len() + bad.len() + line(2).len() + 3,
    );
    let wanted = format!(
        "e1 e2 e3 <not_utf8 2:{first}+{}> <not_utf8 4:{second}+2>",
        bad.len()
    );
    assert_eq!(found(&[&path]), wanted);
    let rejects = read(&[&path], ReadOptions::default()).rejects;
    assert_eq!((&rejects[0].text, &rejects[1].text), (&bad, &cut_character));
    let at = rejects[0].marked;
    assert_eq!(rejects[0].text[at.0..at.1], [0xff]);
}

#[test]
fn whatever_else_is_wrong_costs_its_line_and_says_why() {
    let files = Files::new();
    let with = |from: &str, to: &str| line(2).replace(from, to);
    for (code, bad) in [
        ("not_json", "Traceback (most recent call last):".to_owned()),
        ("not_json", with("\"seq\":", "\"seq\"")),
        ("not_json", with("grüße", "gr\u{1}")),
        ("not_json", with("\"seq\":2", "\"seq\":02")),
        ("cut_off", line(2)[..90].to_owned()),
        ("not_an_object", "\"text\"".to_owned()),
        ("not_an_object", "17".to_owned()),
        ("missing_field", "{}".to_owned()),
        ("missing_field", with("event_id", "id")),
        ("missing_field", with("\"2026-11-21T01:36:21Z\"", "null")),
        ("wrong_type", with("\"seq\":2", "\"seq\":-1")),
        ("wrong_type", with("[\"main\"]", "\"main\"")),
        ("no_utc_offset", with("21Z", "21")),
        ("bad_timestamp", with("21Z", "21 o'clock")),
        ("bad_timestamp", with("2026-11-21", "2026-02-30")),
    ] {
        let last = code == "cut_off";
        let text = if last {
            format!("{}{bad}", lines(1..=1))
        } else {
            format!("{}{bad}\n{}", lines(1..=1), line(3))
        };
        let at = line(1).len() + 1;
        let events = if last { "e1" } else { "e1 e3" };
        let wanted = format!("{events} <{code} 2:{at}+{}>", bad.len());
        assert_eq!(found(&[&files.write("bad", text)]), wanted, "{bad}");
    }
}

#[test]
fn text_after_an_event_costs_itself() {
    let files = Files::new();
    let text = format!("{} -- a note\n{}\n]\n{}", line(1), line(2), line(3));
    let (note, bracket) = (line(1).len() + 1, line(1).len() + line(2).len() + 12);
    let wanted = format!("e1 e2 e3 <not_json 1:{note}+9> <not_json 3:{bracket}+1>");
    assert_eq!(found(&[&files.write("notes", text)]), wanted);
}

#[test]
fn what_python_writes_is_repaired_and_counted() {
    let files = Files::new();
    let odd = line(1).replace(
        "\"inputs\":",
        "\"odd\":[NaN,-Infinity,\"\\ud800\"],\"inputs\":",
    );
    let path = files.write("python", format!("{odd}\n{}", line(2)));
    assert_eq!(found(&[&path]), "e1 e2");
    let found = read(&[&path], ReadOptions::default());
    assert_eq!(found.report.substitutions, 3);
    assert!(
        found.events[0]
            .payload
            .text()
            .contains(r#"["NaN","-Infinity","\ufffd"]"#)
    );
}

#[test]
fn an_offset_is_assumed_only_where_the_caller_says_so() {
    let files = Files::new();
    let path = files.write("naive", line(1).replace("21Z", "21"));
    let assume = ReadOptions {
        wire: WireOptions {
            assume_offset_minutes: Some(60),
            ..WireOptions::default()
        },
        ..ReadOptions::default()
    };
    let events = read(&[&path], assume).events;
    assert_eq!(
        events[0].timestamp.to_string(),
        "2026-11-21T00:36:21.000000Z"
    );
}

#[test]
fn reading_stops_where_it_is_interrupted_or_a_reject_is_refused() {
    let files = Files::new();
    let path = files.write("a", format!("{}noise", lines(1..=3)));
    let mut interrupted = Archive::open(&[&path]).unwrap();
    interrupted
        .progress()
        .cancelled
        .store(true, Ordering::Relaxed);
    let result = interrupted.read(ReadOptions::default(), &mut |_| {});
    assert!(matches!(result, Err(ArchiveError::Interrupted)));
    let mut strict = Archive::open(&[&path])
        .unwrap()
        .on_reject(|_| Err(ArchiveError::Refused));
    let result = strict.read(ReadOptions::default(), &mut |_| {});
    assert!(matches!(result, Err(ArchiveError::Refused)));
}

#[test]
fn progress_ends_at_what_the_report_says() {
    let files = Files::new();
    let text = format!("{}noise\n", lines(1..=50));
    for (name, bytes) in [
        ("a.jsonl", text.clone().into_bytes()),
        ("a.gz", gzip(&text)),
    ] {
        let path = files.write(name, &bytes);
        for options in super::support::ways() {
            let mut archive = Archive::open(&[&path]).unwrap();
            let progress = archive.progress();
            let report = archive.read(options, &mut |_| {}).unwrap();
            let seen = [
                &progress.bytes_read,
                &progress.events,
                &progress.rejects,
                &progress.files_done,
            ]
            .map(|number| number.load(Ordering::Relaxed));
            assert_eq!(seen, [bytes.len() as u64, 50, 1, 1], "{name} {options:?}");
            assert_eq!((report.bytes_read, report.files), (bytes.len() as u64, 1));
        }
    }
}
