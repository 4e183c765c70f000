//! Looking through files of lines once, to know what each piece of them holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use runtrail_core::event::TraceEvent;
use runtrail_core::time::Timestamp;
use runtrail_core::wire::WireReader;

use super::quick::quick;
use super::runs::{RunSeen, RunTable};
use super::unit::{Content, Lines, Source, TextFile, parse_lines};
use crate::at::read_exact_at;
use crate::chunk::count_lines;
use crate::error::ArchiveError;
use crate::fingerprint::{FileStart, StartBuilder, hashes_of, is_whole_blocks};
use crate::hash::IdHasher;
use crate::options::ReadOptions;
use crate::pool::InOrder;
use crate::read::Progress;
use crate::source::Extent;

/// How much is read first to find the end of a line, and at a time at most.
const FIRST_STEP: usize = 4 << 10;
const STEP: usize = 64 << 10;

/// How closely files are looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// Ordinary lines are taken for what they look like.
    Quick,
    /// Every line is parsed.
    Exact,
    /// As `Exact`; the first reject ends it.
    Strict,
}

/// What a survey found.
pub(super) struct Survey {
    pub(super) units: Vec<Lines>,
    pub(super) table: RunTable,
    /// The files, by their number, that cannot be read by pieces: values go over lines.
    pub(super) irregular: Vec<usize>,
    /// The first reject, of a strict survey.
    pub(super) reject: Option<Source>,
    /// What the files are, by their number, where they were looked through from their first byte to
    /// their last.
    pub(super) starts: BTreeMap<usize, FileStart>,
}

/// A piece of a file: the lines that begin in it.
struct Piece {
    number: usize,
    file: Arc<TextFile>,
    from: u64,
    until: u64,
}

impl Piece {
    /// How many bytes before it say whether it begins with a line's first byte: the part of the file that
    /// is read does.
    fn before(&self) -> u64 {
        u64::from(self.from > self.file.extent.from)
    }
}

struct Surveyed {
    number: usize,
    file: Arc<TextFile>,
    found: io::Result<Found>,
    /// The hashes of the piece's bytes, and how many these are, where the pieces are hashed.
    hashed: Option<(Vec<u8>, u64)>,
}

/// What a piece holds; nothing where it cannot be read alone.
type Found = Option<Lot>;

struct Lot {
    from: u64,
    until: u64,
    lines: u64,
    /// The line breaks among them.
    breaks: u64,
    runs: Vec<RunSeen>,
    reject: Option<Source>,
}

/// Looks through files. One that cannot be read is irregular: reading it says why.
pub(super) fn survey(
    files: &[(usize, Arc<TextFile>)],
    options: &ReadOptions,
    hasher: &IdHasher,
    care: Care,
    limit: usize,
    progress: &Progress,
) -> Result<Survey, ArchiveError> {
    let mut survey = Survey {
        units: Vec::new(),
        table: RunTable::new(limit),
        irregular: Vec::new(),
        reject: None,
        starts: BTreeMap::new(),
    };
    let mut start = StartBuilder::default();
    let pieces = pieces(files.to_vec(), options.chunk.max(1) as u64);
    let surveyor = || {
        let mut surveyor = Surveyor::new(*options, hasher.clone(), care);
        move |piece| surveyor.survey(piece)
    };
    let mut surveyed = InOrder::new(options.threads, pieces, surveyor);
    let mut line = 1;
    while let Some(Surveyed {
        number,
        file,
        found,
        hashed,
    }) = surveyed.next()?
    {
        if progress.cancelled.load(Ordering::Relaxed) {
            return Err(ArchiveError::Interrupted);
        }
        if survey.irregular.last() == Some(&number) {
            continue;
        }
        let Ok(Some(lot)) = found else {
            survey.irregular.push(number);
            start = StartBuilder::default();
            continue;
        };
        if survey
            .units
            .last()
            .is_none_or(|unit| !Arc::ptr_eq(&unit.file, &file))
        {
            line = file.extent.line;
        }
        if let Some((hashes, bytes)) = hashed {
            start.add(&hashes, bytes, lot.breaks);
            let read = start.finish();
            if read.bytes == file.extent.until {
                survey.starts.insert(number, read);
                start = StartBuilder::default();
            }
        }
        if survey.reject.is_none() {
            survey.reject = lot.reject;
        }
        if lot.from < lot.until {
            survey.table.add_unit(&lot.runs);
            survey.units.push(Lines {
                file,
                from: lot.from,
                until: lot.until,
                line,
                count: lot.lines,
            });
            line += lot.lines;
        }
        if care == Care::Quick && survey.table.overflowed() {
            break;
        }
    }
    Ok(survey)
}

fn pieces(files: Vec<(usize, Arc<TextFile>)>, step: u64) -> impl Iterator<Item = Piece> {
    files.into_iter().flat_map(move |(number, file)| {
        let Extent { from, until, .. } = file.extent;
        let pieces = file.extent.bytes().div_ceil(step);
        (0..pieces).map(move |piece| Piece {
            number,
            from: from + piece * step,
            until: (from + (piece + 1) * step).min(until),
            file: Arc::clone(&file),
        })
    })
}

struct Surveyor {
    options: ReadOptions,
    care: Care,
    wire: WireReader,
    bytes: Vec<u8>,
    runs: UnitRuns,
}

impl Surveyor {
    fn new(options: ReadOptions, hasher: IdHasher, care: Care) -> Self {
        Self {
            options,
            care,
            wire: WireReader::new(options.wire),
            bytes: Vec::new(),
            runs: UnitRuns::new(hasher),
        }
    }

    fn survey(&mut self, piece: Piece) -> Surveyed {
        let found = self.look_through(&piece);
        let is_hashed = piece.file.extent.from == 0
            && is_whole_blocks(self.options.chunk.max(1) as u64)
            && matches!(found, Ok(Some(_)));
        let hashed = is_hashed.then(|| {
            let before = piece.before() as usize;
            let bytes = piece.until - piece.from;
            let own = self.bytes.get(before..before + bytes as usize);
            (hashes_of(own.unwrap_or_default()), bytes)
        });
        Surveyed {
            number: piece.number,
            file: piece.file,
            found,
            hashed,
        }
    }

    fn look_through(&mut self, piece: &Piece) -> io::Result<Found> {
        let Some(range) = self.read_lines(piece)? else {
            return Ok(None);
        };
        let from = piece.from - piece.before() + range.start as u64;
        let text = &self.bytes[range];
        let lines = Lines {
            file: Arc::clone(&piece.file),
            from,
            until: from + text.len() as u64,
            line: 1,
            count: 0,
        };
        let is_open = !text.is_empty() && !text.ends_with(b"\n");
        let lot = |lines, runs, reject| Lot {
            from,
            until: from + text.len() as u64,
            lines,
            breaks: lines - u64::from(is_open),
            runs,
            reject,
        };
        if self.care != Care::Quick {
            let content = parsed(&mut self.wire, &self.options, &lines, text);
            let whole = self.runs.add_content(&content);
            let refused = |source: &Source| self.care == Care::Strict && !source.bad.is_empty();
            let reject = content.source.filter(refused);
            let runs = self.runs.take();
            let count = count_lines(text) + u64::from(is_open);
            return Ok(whole.then(|| lot(count, runs, reject)));
        }
        let (mut at, mut count) = (0, 0);
        while at < text.len() {
            let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end + 1);
            let line = &text[at..end];
            count += 1;
            let told = quick(line).filter(|_| line.len() <= self.options.max_line);
            let told = told.is_some_and(|(run, time)| {
                let assume = self.options.wire.assume_offset_minutes;
                self.runs.add_told(run, time, assume, line.len())
            });
            if !told {
                let lines = Lines {
                    from: from + at as u64,
                    until: from + end as u64,
                    ..lines.clone()
                };
                let content = parsed(&mut self.wire, &self.options, &lines, line);
                if !self.runs.add_content(&content) {
                    self.runs.take();
                    return Ok(None);
                }
            }
            at = end;
        }
        Ok(Some(lot(count, self.runs.take(), None)))
    }

    /// Reads the lines that begin in a piece, and gives where in `bytes` they are; `None` where a
    /// line is longer than a value may be.
    fn read_lines(&mut self, piece: &Piece) -> io::Result<Option<Range<usize>>> {
        let file = File::open(&piece.file.path)?;
        let before = piece.before();
        let base = piece.from - before;
        let bytes = &mut self.bytes;
        let len = (piece.until - base) as usize;
        read_exact_at(&file, base, bytes, 0..len)?;
        let start = if before == 0 {
            Some(0)
        } else {
            // A line that begins with the next piece's first byte is the next piece's.
            memchr::memchr(b'\n', &bytes[..len - 1]).map(|at| at + 1)
        };
        let Some(start) = start else {
            return Ok(Some(0..0));
        };
        let (mut searched, mut read, mut step) = (len - 1, len, FIRST_STEP);
        let size = (piece.file.extent.until - base) as usize;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &bytes[searched..read]) {
                return Ok(Some(start..searched + at + 1));
            }
            searched = read;
            if read == size {
                return Ok(Some(start..read));
            }
            if read - len > self.options.max_line {
                return Ok(None);
            }
            let until = size.min(read + step);
            step = STEP.min(2 * step);
            read_exact_at(&file, base + read as u64, bytes, read..until)?;
            read = until;
        }
    }
}

fn parsed(wire: &mut WireReader, options: &ReadOptions, lines: &Lines, text: &[u8]) -> Content {
    let chunk = lines.chunk(text.to_vec());
    parse_lines(wire, options, lines.clone(), chunk, Vec::new())
}

/// The runs of one unit.
pub(super) struct UnitRuns {
    hasher: IdHasher,
    index: HashTable<usize>,
    runs: Vec<RunSeen>,
    /// The run of the latest event, and its number here.
    latest: (Vec<u8>, usize),
    /// A time of that run, as text that ends in `Z`; empty where there is none.
    earliest: Vec<u8>,
}

impl UnitRuns {
    pub(super) fn new(hasher: IdHasher) -> Self {
        Self {
            hasher,
            index: HashTable::new(),
            runs: Vec::new(),
            latest: Default::default(),
            earliest: Vec::new(),
        }
    }

    /// Notes an event of so many bytes.
    pub(super) fn add(&mut self, request_id: &[u8], time: Timestamp, bytes: usize) {
        let bytes = (bytes + size_of::<TraceEvent>()) as u64;
        if self.runs.is_empty() || self.latest.0 != request_id {
            self.latest.0.clear();
            self.latest.0.extend_from_slice(request_id);
            self.latest.1 = self.number(self.hasher.hash(request_id), time);
            self.earliest.clear();
        }
        let run = &mut self.runs[self.latest.1];
        run.start = run.start.min(time);
        run.bytes += bytes;
        run.events += 1;
    }

    /// As [`UnitRuns::add`], of a time that is not yet read; whether it is one.
    fn add_told(
        &mut self,
        request_id: &[u8],
        time: &[u8],
        assume: Option<i32>,
        bytes: usize,
    ) -> bool {
        // In one form, with the same digits of a second, texts order as the times do. A later
        // time says nothing new, so that it need not be read.
        let (len, zulu) = (time.len(), time.last() == Some(&b'Z'));
        let later = zulu
            && self.earliest.len() == len
            && self.latest.0 == request_id
            && self.earliest[..] <= *time;
        if later && let Some(run) = self.runs.get_mut(self.latest.1) {
            run.bytes += (bytes + size_of::<TraceEvent>()) as u64;
            run.events += 1;
            return true;
        }
        let parsed = std::str::from_utf8(time)
            .ok()
            .and_then(|text| Timestamp::parse_with(text, assume).ok());
        let Some(parsed) = parsed else { return false };
        self.add(request_id, parsed, bytes);
        self.earliest.clear();
        if zulu {
            self.earliest.extend_from_slice(time);
        }
        true
    }

    fn number(&mut self, hash: u128, start: Timestamp) -> usize {
        let runs = &mut self.runs;
        let equal = |&at: &usize| runs[at].hash == hash;
        let rehash = |&at: &usize| runs[at].hash as u64;
        match self.index.entry(hash as u64, equal, rehash) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                entry.insert(runs.len());
                runs.push(RunSeen {
                    hash,
                    start,
                    bytes: 0,
                    events: 0,
                });
                runs.len() - 1
            }
        }
    }

    pub(super) fn add_events(&mut self, events: &[TraceEvent]) {
        for event in events {
            let bytes = event.text_bytes();
            self.add(event.request_id.as_bytes(), event.timestamp, bytes);
        }
    }

    /// Notes what was parsed; whether it can be read alone.
    fn add_content(&mut self, content: &Content) -> bool {
        self.add_events(&content.events);
        content.source.as_ref().is_some_and(|source| source.whole)
    }

    /// Ends the unit.
    pub(super) fn take(&mut self) -> Vec<RunSeen> {
        self.index.clear();
        self.earliest.clear();
        std::mem::take(&mut self.runs)
    }
}
