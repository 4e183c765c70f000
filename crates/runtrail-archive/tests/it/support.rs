//! Files made for a test, and what is found in them.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use runtrail_archive::{Archive, ReadOptions, ReadReport, Reject};
use runtrail_core::event::TraceEvent;
use tempfile::TempDir;

/// A folder that vanishes with the test.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Writes a file, its folders included, and returns its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.rsplit_once('/').unwrap().0).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.0.path().display())
    }
}

/// An event as a line without its end; its id is `e` and the number, which is also its `seq`.
pub(crate) fn line(number: usize) -> String {
    format!(
        r#"{{"event_id":"e{number}","request_id":"r","kind":"op_start","op_name":"fetch","ctx":["main"],"timestamp":"2026-11-21T01:36:21Z","seq":{number},"payload":{{"inputs":{{"text":"grüße [{{\"}}, {number}"}}}}}}"#
    )
}

pub(crate) fn lines(numbers: std::ops::RangeInclusive<usize>) -> String {
    numbers.map(|number| line(number) + "\n").collect()
}

/// The same event over several lines, indented as an element of a pretty-printed array.
pub(crate) fn pretty(number: usize) -> String {
    let value: serde_json::Value = serde_json::from_str(&line(number)).unwrap();
    let text = serde_json::to_string_pretty(&[value]).unwrap();
    let inner = text.trim_start_matches("[\n").trim_end_matches("\n]");
    inner.to_owned()
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// One frame with a checksum, as the command-line tool writes.
pub(crate) fn zstd(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// Ways to read that must all find the same.
pub(crate) fn ways() -> Vec<ReadOptions> {
    let way = |threads, chunk| ReadOptions {
        threads,
        chunk,
        ..ReadOptions::default()
    };
    vec![
        way(1, 1 << 20),
        way(1, 5),
        way(1, 300),
        way(2, 90),
        way(2, 1 << 20),
        way(3, 700),
    ]
}

/// What reading came to.
pub(crate) struct Found {
    pub(crate) events: Vec<TraceEvent>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) report: ReadReport,
}

pub(crate) fn read(sources: &[&str], options: ReadOptions) -> Found {
    let (mut events, mut rejects) = (Vec::new(), Vec::new());
    let keep = |reject: &Reject| {
        rejects.push(reject.clone());
        Ok(())
    };
    let mut archive = Archive::open(sources).unwrap().on_reject(keep);
    let report = archive
        .read(options, &mut |event| events.push(event))
        .unwrap();
    drop(archive);
    assert_eq!(report.events, events.len() as u64);
    assert_eq!(report.rejected(), rejects.len() as u64);
    Found {
        events,
        rejects,
        report,
    }
}

/// Reads in every way and shows what each of them found: the events' ids, then
/// `<code line:byte+length>` for each reject.
pub(crate) fn found(sources: &[&str]) -> String {
    let shown: Vec<String> = ways()
        .into_iter()
        .map(|way| read(sources, way).show())
        .collect();
    for (way, other) in ways().iter().zip(&shown) {
        assert_eq!(other, &shown[0], "{way:?}");
    }
    shown[0].clone()
}

impl Found {
    pub(crate) fn show(&self) -> String {
        let ids = self.events.iter().map(|event| event.event_id.to_string());
        let rejects = self.rejects.iter().map(|reject| {
            let Reject {
                line, byte, length, ..
            } = reject;
            format!("<{} {line}:{byte}+{length}>", reject.reason.code())
        });
        ids.chain(rejects).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        let ids = self.events.iter().map(|event| event.event_id.as_str());
        ids.collect()
    }
}
