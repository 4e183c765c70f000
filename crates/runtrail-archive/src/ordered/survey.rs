//! Looking through files of lines once, to know what each piece of them holds.

use std::fs::File;
use std::io;
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
use crate::at::ReadAt;
use crate::chunk::count_lines;
use crate::error::ArchiveError;
use crate::hash::IdHasher;
use crate::options::ReadOptions;
use crate::pool::InOrder;
use crate::read::Progress;

/// How much is read at a time to find the end of a line.
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
}

/// A piece of a file: the lines that begin in it.
struct Piece {
    number: usize,
    file: Arc<TextFile>,
    from: u64,
    until: u64,
}

struct Surveyed {
    number: usize,
    file: Arc<TextFile>,
    found: io::Result<Found>,
}

/// What a piece holds; nothing where it cannot be read alone.
type Found = Option<Lot>;

struct Lot {
    from: u64,
    until: u64,
    lines: u64,
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
    };
    let step = options.chunk.max(1) as u64;
    let pieces = files.to_vec().into_iter().flat_map(move |(number, file)| {
        (0..file.size.div_ceil(step)).map(move |piece| Piece {
            number,
            from: piece * step,
            until: ((piece + 1) * step).min(file.size),
            file: Arc::clone(&file),
        })
    });
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
            continue;
        };
        if survey
            .units
            .last()
            .is_none_or(|unit| !Arc::ptr_eq(&unit.file, &file))
        {
            line = 1;
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
            });
            line += lot.lines;
        }
        if care == Care::Quick && survey.table.overflowed() {
            break;
        }
    }
    Ok(survey)
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
        Surveyed {
            number: piece.number,
            file: Arc::clone(&piece.file),
            found: self.look_through(&piece),
        }
    }

    fn look_through(&mut self, piece: &Piece) -> io::Result<Found> {
        let Some(offset) = self.read_lines(piece)? else {
            return Ok(None);
        };
        let text = &self.bytes[offset..];
        let from = piece.from.saturating_sub(1) + offset as u64;
        let lines = Lines {
            file: Arc::clone(&piece.file),
            from,
            until: from + text.len() as u64,
            line: 1,
        };
        let lot = |runs, reject| Lot {
            from,
            until: from + text.len() as u64,
            lines: count_lines(text),
            runs,
            reject,
        };
        if self.care != Care::Quick {
            let content = parsed(&mut self.wire, &self.options, &lines, text);
            return Ok(self
                .runs
                .add_content(content, self.care)
                .map(|reject| lot(self.runs.take(), reject)));
        }
        let mut at = 0;
        while at < text.len() {
            let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end + 1);
            let line = &text[at..end];
            let told = quick(line, self.options.wire.assume_offset_minutes)
                .filter(|_| line.len() <= self.options.max_line);
            if let Some((run, time)) = told {
                self.runs.add(run, time, line.len());
            } else {
                let lines = Lines {
                    from: from + at as u64,
                    until: from + end as u64,
                    ..lines.clone()
                };
                let content = parsed(&mut self.wire, &self.options, &lines, line);
                if self.runs.add_content(content, self.care).is_none() {
                    self.runs.take();
                    return Ok(None);
                }
            }
            at = end;
        }
        Ok(Some(lot(self.runs.take(), None)))
    }

    /// Reads the lines that begin in a piece, and gives where in `bytes` they begin; `None` where a
    /// line is longer than a value may be.
    fn read_lines(&mut self, piece: &Piece) -> io::Result<Option<usize>> {
        let file = File::open(&piece.file.path)?;
        let before = u64::from(piece.from > 0);
        let mut reader = ReadAt::new(&file, piece.from - before);
        let bytes = &mut self.bytes;
        bytes.clear();
        let len = (piece.until - piece.from + before) as usize;
        if reader.append(bytes, len)? < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let start = if before == 0 {
            Some(0)
        } else {
            // A line that begins with the next piece's first byte is the next piece's.
            memchr::memchr(b'\n', &bytes[..len - 1]).map(|at| at + 1)
        };
        let Some(start) = start else {
            bytes.truncate(0);
            return Ok(Some(0));
        };
        let mut searched = len - 1;
        let mut left = piece.file.size - piece.until;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &bytes[searched..]) {
                bytes.truncate(searched + at + 1);
                return Ok(Some(start));
            }
            searched = bytes.len();
            if left == 0 {
                return Ok(Some(start));
            }
            if searched - len > self.options.max_line {
                return Ok(None);
            }
            let step = left.min(STEP as u64);
            if reader.append(bytes, step as usize)? < step as usize {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= step;
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
}

impl UnitRuns {
    pub(super) fn new(hasher: IdHasher) -> Self {
        Self {
            hasher,
            index: HashTable::new(),
            runs: Vec::new(),
            latest: Default::default(),
        }
    }

    /// Notes an event of so many bytes.
    pub(super) fn add(&mut self, request_id: &[u8], time: Timestamp, bytes: usize) {
        let bytes = (bytes + size_of::<TraceEvent>()) as u64;
        if self.runs.is_empty() || self.latest.0 != request_id {
            self.latest.0.clear();
            self.latest.0.extend_from_slice(request_id);
            self.latest.1 = self.number(self.hasher.hash(request_id), time);
        }
        let run = &mut self.runs[self.latest.1];
        run.start = run.start.min(time);
        run.bytes += bytes;
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

    /// Notes what was parsed, and gives it back where it holds the reject that ends a survey;
    /// `None` where it is not whole.
    fn add_content(&mut self, content: Content, care: Care) -> Option<Option<Source>> {
        let source = content.source?;
        self.add_events(&content.events);
        let refused = care == Care::Strict && !source.bad.is_empty();
        source.whole.then(|| refused.then_some(source))
    }

    /// Ends the unit.
    pub(super) fn take(&mut self) -> Vec<RunSeen> {
        self.index.clear();
        std::mem::take(&mut self.runs)
    }
}
