//! Reading inputs: chunks in, events and rejects out, in the order of the input.

#[cfg(feature = "otlp")]
mod spans;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use runtrail_core::event::TraceEvent;
use runtrail_core::wire::{WireErrorKind, WireReader};

use crate::chunk::{Chunk, Chunks, count_lines};
use crate::error::ArchiveError;
use crate::fingerprint::FileStart;
use crate::input::{self, Format, Opened, Plain};
use crate::options::ReadOptions;
use crate::parse::{Bad, Parsed, Place, parse, room_for};
use crate::pool::{Pool, Task};
use crate::reject::{Reject, RejectCounts, RejectReason};
use crate::skip::Skip;
use crate::source::Input;
use crate::store::read_store;

/// How much of a value beyond the length limit is kept with its reject.
const OVERLONG_HEAD: usize = 64 << 10;

/// Takes what reading finds.
pub trait Sink {
    /// Returns the run that alone is wanted if it exists, whatever else [`Sink::wants`] says. A store
    /// need not look for others where it holds that one.
    fn only(&self) -> Option<&str>;

    /// Whether events of a run may be wanted. It is asked by stores, which can leave the others
    /// unread; files of lines are read whole, and hand out events that are not wanted too.
    fn wants(&mut self, request_id: &str) -> bool;

    /// Takes events; together they keep about `bytes` of text alive.
    fn events(&mut self, events: Vec<TraceEvent>, bytes: usize) -> Result<(), ArchiveError>;

    /// Takes something that is not an event.
    fn reject(&mut self, reject: Reject) -> Result<(), ArchiveError>;
}

/// How far reading has come; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Stored bytes read.
    pub bytes_read: Arc<AtomicU64>,
    /// Events found.
    pub events: AtomicU64,
    /// Rejects found.
    pub rejects: AtomicU64,
    /// Inputs done.
    pub files_done: AtomicU64,
    /// Set to stop reading at the next chunk; shared on its own for signal handlers.
    pub cancelled: Arc<AtomicBool>,
}

/// What reading came to.
#[derive(Debug, Clone, Default)]
pub struct ReadReport {
    /// Events found.
    pub events: u64,
    /// Rejects found, by reason.
    pub rejects: RejectCounts,
    /// `NaN`s, infinities and lone surrogates that were replaced by valid JSON.
    pub substitutions: u64,
    /// Stored bytes read.
    pub bytes_read: u64,
    /// Inputs read.
    pub files: u64,
    /// Inputs that hold nothing.
    pub empty: Vec<String>,
    /// Inputs that are what Runtrail itself writes, left out: quarantine files and journals, and tables and
    /// trees found in folders.
    pub skipped: Vec<String>,
    /// Inputs that could not be opened or read to their end, and why.
    pub failed: Vec<(String, String)>,
    /// Files in a store that the store itself does not know of, left out.
    pub stray: Vec<String>,
    /// Inputs of lines with a value each, as [`Archive::sorted`](crate::Archive::sorted) found: what is
    /// appended to them can be read without what is there.
    pub lines: Vec<LinesRead>,
}

/// An input of lines with a value each.
#[derive(Debug, Clone)]
pub struct LinesRead {
    /// Its name.
    pub name: String,
    /// What it is, if it was read from its first byte and looked through for that.
    pub start: Option<FileStart>,
}

impl ReadReport {
    /// Adds what reading other inputs came to.
    pub(crate) fn add(&mut self, other: Self) {
        self.events += other.events;
        for (code, count) in other.rejects {
            *self.rejects.entry(code).or_default() += count;
        }
        self.substitutions += other.substitutions;
        self.bytes_read += other.bytes_read;
        self.files += other.files;
        self.empty.extend(other.empty);
        self.skipped.extend(other.skipped);
        self.failed.extend(other.failed);
        self.stray.extend(other.stray);
        self.lines.extend(other.lines);
    }

    /// Returns the number of rejects.
    pub fn rejected(&self) -> u64 {
        self.rejects.values().sum()
    }
}

/// Reads inputs one after another.
pub struct Reader<'a> {
    options: ReadOptions,
    wire: WireReader,
    pool: Option<Pool<ParseJob, (Chunk, Parsed)>>,
    progress: &'a Progress,
    read_before: u64,
    report: ReadReport,
}

impl<'a> Reader<'a> {
    /// Makes a reader; with more than one thread it starts them.
    pub fn new(options: ReadOptions, progress: &'a Progress) -> Self {
        let options = options.within_limits();
        let pool = (options.threads > 1).then(|| Pool::start(options.threads, || parser(options)));
        Self {
            options,
            wire: WireReader::new(options.wire),
            pool,
            progress,
            read_before: progress.bytes_read.load(Ordering::Relaxed),
            report: ReadReport::default(),
        }
    }

    /// Reads an input to its end. An input that cannot be read is noted in the report; what could
    /// be read of it has been handed out.
    pub fn read(&mut self, input: &Input, sink: &mut dyn Sink) -> Result<(), ArchiveError> {
        self.report.files += 1;
        let name = input.name();
        match input {
            Input::Store(store) => {
                read_store(store.as_ref(), self.progress, &mut self.report, sink)?;
            }
            _ => match input::open(input, &self.progress.bytes_read) {
                Ok(opened) => self.read_format(input, &name, opened, sink)?,
                Err(error) => self.report.failed.push((name, error.to_string())),
            },
        }
        self.progress.files_done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Ends reading and says what it came to.
    pub fn finish(mut self) -> ReadReport {
        let read = self.progress.bytes_read.load(Ordering::Relaxed);
        self.report.bytes_read = read - self.read_before;
        self.report
    }

    fn read_format(
        &mut self,
        input: &Input,
        name: &str,
        opened: Opened,
        sink: &mut dyn Sink,
    ) -> Result<(), ArchiveError> {
        #[cfg(feature = "otlp")]
        let Some(opened) = self.read_spans(name, opened, sink)? else {
            return Ok(());
        };
        let found_in_folder = matches!(input, Input::File { named: false, .. });
        let what = match opened.format {
            Format::Plain | Format::Gzip | Format::Zstd => {
                return self.read_text(name, input.start(), opened, sink);
            }
            Format::Empty => {
                self.report.empty.push(name.to_owned());
                return Ok(());
            }
            // A pattern that a shell expands names them as well: they stand beside archives.
            Format::Quarantine | Format::Journal => {
                self.report.skipped.push(name.to_owned());
                return Ok(());
            }
            Format::Parquet | Format::Tree if found_in_folder => {
                self.report.skipped.push(name.to_owned());
                return Ok(());
            }
            Format::Parquet => "a Parquet file",
            Format::Tree => "a tree that Runtrail wrote",
            Format::SpanLines | Format::SpanMessages => "OpenTelemetry spans",
            Format::Utf16 => "UTF-16 text; convert it to UTF-8",
            Format::Binary => "binary data",
        };
        let reason = RejectReason::Binary(what);
        let length = input.size();
        self.reject(
            Reject {
                file: name.to_owned(),
                line: 1,
                byte: 0,
                length,
                reason,
                marked: (0, 0),
                text: Vec::new(),
            },
            sink,
        )
    }

    fn reject(&mut self, reject: Reject, sink: &mut dyn Sink) -> Result<(), ArchiveError> {
        *self.report.rejects.entry(reject.reason.code()).or_default() += 1;
        self.progress.rejects.fetch_add(1, Ordering::Relaxed);
        sink.reject(reject)
    }

    fn read_text(
        &mut self,
        name: &str,
        (byte, line): (u64, u64),
        opened: Opened,
        sink: &mut dyn Sink,
    ) -> Result<(), ArchiveError> {
        let mut file = TextFile {
            name,
            compressed: opened.format != Format::Plain,
            uncounted: opened.uncounted,
            chunks: Chunks::starting_at(opened.plain, byte, line),
            place: Place::default(),
            waiting: VecDeque::new(),
            want: self.options.chunk,
            misses: 0,
        };
        while let Some((chunk, parsed)) = self.next_parsed(&mut file)? {
            if self.progress.cancelled.load(Ordering::Relaxed) {
                return Err(ArchiveError::Interrupted);
            }
            self.take(&mut file, &chunk, parsed, sink)?;
        }
        self.end_of_text(&mut file, sink)
    }

    /// Keeps the threads busy and gives the next chunk in order.
    ///
    /// A chunk that is parsed ahead is assumed to begin between values. Where the chunk before it
    /// turns out to end inside one, both are given back and read as one; a file that keeps doing
    /// so (an array over many lines) is no longer parsed ahead.
    fn next_parsed(
        &mut self,
        file: &mut TextFile<'_>,
    ) -> Result<Option<(Chunk, Parsed)>, ArchiveError> {
        let ahead = match &self.pool {
            Some(pool) if file.misses < 2 => pool.threads() + 1,
            _ => 0,
        };
        while file.waiting.len() < ahead
            && let Some(chunk) = file.chunks.next(file.want)
        {
            if let Some(pool) = &self.pool {
                let room = room_for(chunk.text.len());
                let place = file.place;
                file.waiting
                    .push_back(pool.submit(ParseJob { chunk, place, room }));
            }
        }
        if let Some(task) = file.waiting.pop_front() {
            return task.wait().map(Some).ok_or(ArchiveError::ThreadLost);
        }
        let Some(chunk) = file.chunks.next(file.want) else {
            return Ok(None);
        };
        let (limit, room) = (self.options.max_line, room_for(chunk.text.len()));
        let parsed = parse(
            &mut self.wire,
            &chunk.text,
            file.place,
            chunk.last,
            limit,
            room,
        );
        Ok(Some((chunk, parsed)))
    }

    fn take(
        &mut self,
        file: &mut TextFile<'_>,
        chunk: &Chunk,
        parsed: Parsed,
        sink: &mut dyn Sink,
    ) -> Result<(), ArchiveError> {
        let used = parsed.used;
        if file.uncounted {
            self.progress
                .bytes_read
                .fetch_add(used as u64, Ordering::Relaxed);
        }
        let clean = used == chunk.text.len() && parsed.end == file.place;
        file.place = parsed.end;
        self.report.substitutions += parsed.substitutions;
        self.report.events += parsed.events.len() as u64;
        self.progress
            .events
            .fetch_add(parsed.events.len() as u64, Ordering::Relaxed);
        if !parsed.events.is_empty() {
            sink.events(parsed.events, chunk.text.len())?;
        }
        for bad in &parsed.bad {
            let mut reject = reject_of(file.name, chunk, bad);
            let cut_by_failure = bad.error.kind() == WireErrorKind::Cut && chunk.last;
            if cut_by_failure && let Some(reason) = self.failure_of(file) {
                reject.reason = reason;
            }
            self.reject(reject, sink)?;
        }
        if clean {
            file.want = self.options.chunk;
            return Ok(());
        }
        file.take_back();
        file.chunks.push_back(chunk, used);
        let unfinished = chunk.text.len() - used;
        if unfinished > self.options.max_line {
            return self.skip_overlong(file, sink);
        }
        // Reading as much again as is unfinished keeps the rescanning of a long value linear.
        file.want = self.options.chunk.max(unfinished);
        Ok(())
    }

    /// Rejects a value beyond the limit and skips to its end, which is not known to be near.
    fn skip_overlong(
        &mut self,
        file: &mut TextFile<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), ArchiveError> {
        // Compressed data can hold a line without end in a few bytes; plain data costs its own size.
        let patience = if file.compressed {
            self.options.max_line.saturating_mul(16)
        } else {
            usize::MAX
        };
        let limit = self.options.max_line;
        let (line, byte) = file.chunks.position();
        let mut skip = Skip::new(limit, file.place.column);
        let mut text = Vec::new();
        file.want = self.options.chunk;
        while let Some(chunk) = file.chunks.next(self.options.chunk) {
            let (used, ended) = skip.skip(chunk.bytes());
            let room = OVERLONG_HEAD - text.len();
            text.extend_from_slice(&chunk.bytes()[..used.min(room)]);
            if ended {
                file.chunks.push_back(&chunk, used);
                break;
            }
            if skip.skipped() > patience as u64 {
                file.chunks = Chunks::new(Plain::Other(Box::new(std::io::empty())));
                break;
            }
        }
        file.place.column = skip.column();
        if file.uncounted {
            self.progress
                .bytes_read
                .fetch_add(skip.skipped(), Ordering::Relaxed);
        }
        let reason = RejectReason::Wire(WireErrorKind::TooLong { limit });
        let file = file.name.to_owned();
        self.reject(
            Reject {
                file,
                line,
                byte,
                length: skip.skipped(),
                reason,
                marked: (0, 0),
                text,
            },
            sink,
        )
    }

    /// Takes what stopped a file early, so that it is counted once.
    fn failure_of(&mut self, file: &mut TextFile<'_>) -> Option<RejectReason> {
        let error = file.chunks.take_failure()?;
        if file.compressed && error.raw_os_error().is_none() {
            return Some(RejectReason::Damaged(error.to_string()));
        }
        self.report
            .failed
            .push((file.name.to_owned(), error.to_string()));
        Some(RejectReason::Unreadable(error.to_string()))
    }

    /// Counts what stopped a file early, unless a value that it cut has been counted.
    fn end_of_text(
        &mut self,
        file: &mut TextFile<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), ArchiveError> {
        let (line, byte) = file.chunks.position();
        let Some(reason) = self.failure_of(file) else {
            return Ok(());
        };
        let file = file.name.to_owned();
        self.reject(
            Reject {
                file,
                line,
                byte,
                length: 0,
                reason,
                marked: (0, 0),
                text: Vec::new(),
            },
            sink,
        )
    }
}

/// A chunk to parse, with room for its events: the thread that will free them makes it, since
/// allocators give memory back to where it came from.
struct ParseJob {
    chunk: Chunk,
    place: Place,
    room: Vec<TraceEvent>,
}

fn parser(options: ReadOptions) -> impl FnMut(ParseJob) -> (Chunk, Parsed) + Send + 'static {
    let mut reader = WireReader::new(options.wire);
    move |ParseJob { chunk, place, room }| {
        let parsed = parse(
            &mut reader,
            &chunk.text,
            place,
            chunk.last,
            options.max_line,
            room,
        );
        (chunk, parsed)
    }
}

struct TextFile<'a> {
    name: &'a str,
    compressed: bool,
    uncounted: bool,
    chunks: Chunks,
    place: Place,
    waiting: VecDeque<Task<(Chunk, Parsed)>>,
    want: usize,
    /// How often parsing ahead was in vain.
    misses: u32,
}

impl TextFile<'_> {
    /// Gives back the chunks that were parsed ahead on a wrong assumption.
    fn take_back(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        self.misses += 1;
        while let Some(task) = self.waiting.pop_back() {
            if let Some((chunk, _)) = task.wait() {
                self.chunks.push_back(&chunk, 0);
            }
        }
    }
}

/// Says what stands where in a chunk and is no event.
pub(crate) fn reject_of(file: &str, chunk: &Chunk, bad: &Bad) -> Reject {
    let bytes = chunk.bytes();
    let text = &bytes[bad.range.clone()];
    // White space in the sense of JSON: anything else is part of what is wrong.
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let text = &text[..text
        .iter()
        .rposition(|byte| !space(byte))
        .map_or(0, |at| at + 1)];
    let not_utf8 = chunk.original.is_some() && std::str::from_utf8(text).is_err();
    let kind = match bad.error.kind() {
        kind @ (WireErrorKind::Cut | WireErrorKind::TooLong { .. }) => kind,
        _ if not_utf8 => WireErrorKind::NotUtf8,
        kind => kind,
    };
    let at = bad
        .error
        .at()
        .saturating_sub(bad.range.start)
        .min(text.len());
    let kept = if matches!(kind, WireErrorKind::TooLong { .. }) {
        OVERLONG_HEAD
    } else {
        usize::MAX
    };
    Reject {
        file: file.to_owned(),
        line: chunk.line + count_lines(&bytes[..bad.range.start]),
        byte: chunk.byte + bad.range.start as u64,
        length: text.len() as u64,
        reason: RejectReason::Wire(kind),
        marked: (at, (at + bad.error.span_len()).min(text.len())),
        text: text[..text.len().min(kept)].to_vec(),
    }
}
