//! Any bytes as a file: however the file is cut into chunks, on however many threads, under
//! whatever compression, the same events and rejects are found, and nothing else is in it.

#![no_main]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use runtrail_archive::{
    ArchiveError, Format, Input, Progress, ReadOptions, ReadReport, Reader, Reject, RejectReason, Sink, sniff,
};
use runtrail_core::event::TraceEvent;
use runtrail_core::wire::WireErrorKind;
use tempfile::NamedTempFile;

fuzz_target!(|bytes: &[u8]| {
    let file = Stored::new(bytes);
    let whole = file.read(ReadOptions::default());
    whole.assert_counted();
    for (threads, chunk) in [(1, 1), (1, 7), (1, 64), (2, 11), (2, 48), (2, 512)] {
        let options = ReadOptions { threads, chunk, ..ReadOptions::default() };
        assert_same(&whole, &file.read(options), &format!("{threads} threads, chunks of {chunk}"));
    }
    if sniff(bytes) == Format::Plain {
        whole.assert_places(bytes);
        whole.assert_rest_is_clean(bytes);
        assert_same(&whole, &Stored::new(&gzip(bytes)).read(ReadOptions::default()), "gzip");
        let options = ReadOptions { threads: 2, chunk: 100, ..ReadOptions::default() };
        assert_same(&whole, &Stored::new(&zstd(bytes)).read(options), "zstd");
    }
    assert_limit_only_takes(&whole, &file);
});

#[derive(Default)]
struct Found {
    events: Vec<TraceEvent>,
    rejects: Vec<Reject>,
    report: ReadReport,
}

impl Sink for Found {
    fn only(&self) -> Option<&str> {
        None
    }

    fn wants(&mut self, _: &str) -> bool {
        true
    }

    fn events(&mut self, events: Vec<TraceEvent>, _: usize) -> Result<(), ArchiveError> {
        self.events.extend(events);
        Ok(())
    }

    fn reject(&mut self, reject: Reject) -> Result<(), ArchiveError> {
        self.rejects.push(Reject { file: String::new(), ..reject });
        Ok(())
    }
}

struct Stored(NamedTempFile);

impl Stored {
    fn new(bytes: &[u8]) -> Self {
        let mut file = NamedTempFile::new().expect("a temporary file");
        file.write_all(bytes).expect("room for it");
        Self(file)
    }

    fn read(&self, options: ReadOptions) -> Found {
        let path = self.0.path().to_owned();
        let input = Input::File { path, size: 0, named: true, extent: None };
        let progress = Progress::default();
        let mut found = Found::default();
        let mut reader = Reader::new(options, &progress);
        reader.read(&input, &mut found).expect("the sink takes everything");
        found.report = reader.finish();
        found
    }
}

/// Two members, which readers must take as one text.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    let member = |part: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).expect("a vector has room");
        encoder.finish().expect("a vector has room")
    };
    [member(head), member(tail)].concat()
}

/// Two frames, which readers must take as one text.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let (head, tail) = bytes.split_at(bytes.len() / 3);
    let frame = |part: &[u8]| zstd::bulk::compress(part, 1).expect("a vector has room");
    [frame(head), frame(tail)].concat()
}

fn assert_same(whole: &Found, other: &Found, what: &str) {
    assert_eq!(whole.events, other.events, "{what}");
    assert_eq!(whole.rejects, other.rejects, "{what}");
    assert_eq!(whole.report.events, other.report.events, "{what}");
    assert_eq!(whole.report.rejects, other.report.rejects, "{what}");
    assert_eq!(whole.report.substitutions, other.report.substitutions, "{what}");
    for (a, b) in whole.events.iter().zip(&other.events) {
        assert_eq!(a.payload.slots(), b.payload.slots(), "{what}");
    }
}

impl Found {
    fn assert_counted(&self) {
        assert_eq!(self.report.events, self.events.len() as u64);
        assert_eq!(self.report.rejected(), self.rejects.len() as u64);
        assert_eq!(self.report.files, 1);
    }

    /// Every reject holds what stands in the file at the place that it names.
    fn assert_places(&self, bytes: &[u8]) {
        let mut before = 0;
        for reject in &self.rejects {
            let start = reject.byte as usize;
            assert!(start >= before, "rejects overlap or are out of order");
            before = start + reject.length as usize;
            assert_eq!(bytes[start..before], reject.text);
            assert!(reject.marked.0 <= reject.marked.1 && reject.marked.1 <= reject.text.len());
            let line = 1 + bytes[..start].iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(reject.line, line as u64);
        }
    }

    /// With every reject blanked out, the same events are left and nothing else.
    fn assert_rest_is_clean(&self, bytes: &[u8]) {
        let mut blanked = bytes.to_vec();
        for reject in &self.rejects {
            let stretch = &mut blanked[reject.byte as usize..][..reject.length as usize];
            stretch.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        let rest = Stored::new(&blanked).read(ReadOptions::default());
        assert_eq!(rest.events, self.events);
        assert_eq!(rest.rejects, []);
    }
}

/// A low limit on lines only takes events away, and says so.
fn assert_limit_only_takes(whole: &Found, file: &Stored) {
    let options = ReadOptions { max_line: 150, chunk: 32, ..ReadOptions::default() };
    let found = file.read(options);
    found.assert_counted();
    let limit = RejectReason::Wire(WireErrorKind::TooLong { limit: 150 });
    let too_long = found.rejects.iter().any(|reject| reject.reason == limit);
    assert!(too_long || found.events == whole.events);
}
