//! The quarantine file: one JSON object for each reject, and all of its text.

use std::fs;

use runtrail_archive::{Archive, ArchiveError, QuarantineFile, ReadOptions};
use serde_json::{Value, json};

use super::support::{Files, line, lines};

/// Reads a file with its rejects going to quarantine, and gives the lines of the latter.
fn quarantined(files: &Files, path: &str) -> Vec<Value> {
    let place = files.path("quarantine.jsonl");
    let mut quarantine = QuarantineFile::new(&place);
    let mut archive = Archive::open(&[path]).unwrap().on_reject(|reject| {
        let written = quarantine.push(reject);
        written.map_err(|source| ArchiveError::Quarantine {
            path: place.clone().into(),
            source,
        })
    });
    let report = archive.read(ReadOptions::default(), &mut |_| {}).unwrap();
    drop(archive);
    assert_eq!(quarantine.finish().unwrap(), report.rejected() > 0);
    let Ok(text) = fs::read_to_string(&place) else {
        return Vec::new();
    };
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_reject_is_written_with_its_place_its_reason_and_its_text() {
    let files = Files::new();
    let odd = "noise \"quoted\" \\ \u{7f} ü";
    let path = files.write(
        "a.jsonl",
        [
            lines(1..=2).as_bytes(),
            odd.as_bytes(),
            b"\n\xff\xfe{}\n",
            b"{}",
        ]
        .concat(),
    );
    let at = lines(1..=2).len();
    let wanted = [
        json!({"file": path, "line": 3, "byte": at, "length": odd.len(), "code": "not_json",
            "reason": "not JSON: expected a value", "text": odd}),
        json!({"file": path, "line": 4, "byte": at + odd.len() + 1, "length": 4, "code": "not_utf8",
            "reason": "not UTF-8", "text_hex": "fffe7b7d"}),
        json!({"file": path, "line": 5, "byte": at + odd.len() + 6, "length": 2, "code": "missing_field",
            "reason": "event_id is missing", "text": "{}"}),
    ];
    let found = quarantined(&files, &path);
    for (found, wanted) in found.iter().zip(&wanted) {
        // Which field is named first is the wire reader's affair.
        let reason = found["code"] == "missing_field" || found["reason"] == wanted["reason"];
        assert!(reason, "{found}");
        let mut found = found.clone();
        found["reason"] = wanted["reason"].clone();
        assert_eq!(found, *wanted);
    }
    assert_eq!(found.len(), wanted.len());
}

#[test]
fn without_rejects_there_is_no_file() {
    let files = Files::new();
    let path = files.write("a.jsonl", line(1));
    assert_eq!(quarantined(&files, &path), Vec::<Value>::new());
    assert!(!fs::exists(files.path("quarantine.jsonl")).unwrap());
}

#[test]
fn a_folder_that_is_missing_stops_the_reading() {
    let files = Files::new();
    let path = files.write("a.jsonl", "noise");
    let mut quarantine = QuarantineFile::new(files.path("nowhere/quarantine.jsonl"));
    let place = quarantine.path().to_owned();
    let mut archive = Archive::open(&[path]).unwrap().on_reject(move |reject| {
        let path = place.clone();
        quarantine
            .push(reject)
            .map_err(|source| ArchiveError::Quarantine { path, source })
    });
    let error = archive
        .read(ReadOptions::default(), &mut |_| {})
        .unwrap_err();
    assert!(
        error.to_string().ends_with("nowhere/quarantine.jsonl"),
        "{error}"
    );
}
