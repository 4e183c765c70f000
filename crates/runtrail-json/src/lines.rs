//! The exporter of events.

mod part;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, ExportError, Exporter};
use runtrail_core::wire::write_event;

use part::Part;

use crate::report::Report;
use crate::whole::{Folder, failed, given_up};

/// Files grow to this size where nothing else is said: large enough to compress and to scan well,
/// small enough to move about.
const DEFAULT_MAX_FILE_BYTES: u64 = 256 << 20;

/// What an [`EventLines`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinesCounts {
    /// The files, in the order in which they became visible.
    pub files: Vec<EventFile>,
    /// Events written, those of the file in the making among them.
    pub events: u64,
    /// Their bytes, before compression.
    pub bytes: u64,
    /// Files of a former export that were removed, because this one came to fewer or other files.
    pub removed: u64,
}

/// A file of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFile {
    /// Where it is.
    pub path: PathBuf,
    /// The events in it.
    pub events: u64,
    /// Its size.
    pub bytes: u64,
}

/// Reads what an [`EventLines`] did.
pub type LinesReport = Report<LinesCounts>;

/// Writes events as JSON Lines: an archive.
///
/// Files are named `events-00000.jsonl`, `events-00001.jsonl` and so on, with `.zst` at the end
/// where they are compressed. Each becomes visible, whole, when the next one begins or at the
/// close. Where one ends depends on the events alone, so the same stream gives the same files.
///
/// The files of one stem in a folder are one export: another export takes their place, and removes
/// at its close what it has no file for. Give each archive in a folder a stem of its own. An export
/// without an event leaves things as they are.
///
/// ```
/// use std::time::Instant;
/// use runtrail_core::export::{Batch, Exporter};
/// use runtrail_json::EventLines;
/// use runtrail_testkit::run::RunBuilder;
///
/// let folder = tempfile::tempdir()?;
/// let mut exporter = Box::new(EventLines::dir(folder.path()).zstd(3));
/// let report = exporter.report();
///
/// let mut run = RunBuilder::new("req-42");
/// run.push("op_start", Some("plan"), &["main"], "{}");
/// exporter.export(&Batch::new(run.into_events(), []))?;
/// exporter.close(Instant::now())?;
///
/// assert!(report.read().files[0].path.ends_with("events-00000.jsonl.zst"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EventLines {
    folder: Folder,
    stem: String,
    max_file_bytes: u64,
    max_file_time: Option<Duration>,
    zstd_level: Option<i32>,
    open: Option<Part>,
    begun: u64,
    gave_up: bool,
    line: String,
    report: LinesReport,
}

impl EventLines {
    /// Writes to a folder, which is made where it does not exist.
    pub fn dir(path: impl Into<PathBuf>) -> Self {
        Self {
            folder: Folder::new(path),
            stem: "events".to_owned(),
            max_file_bytes: DEFAULT_MAX_FILE_BYTES,
            max_file_time: None,
            zstd_level: None,
            open: None,
            begun: 0,
            gave_up: false,
            line: String::new(),
            report: Report::default(),
        }
    }

    /// Sets what the files' names begin with, `events` where nothing is said: ASCII letters,
    /// digits, `_`, `-` and `.`, the first of them a letter or digit.
    pub fn stem(mut self, stem: impl Into<String>) -> Self {
        self.stem = stem.into();
        self
    }

    /// Ends a file before it grows beyond this many bytes, 256 MiB where nothing is said, counted
    /// before compression. An event that is larger has a file of its own.
    pub fn max_file_bytes(mut self, bytes: u64) -> Self {
        self.max_file_bytes = bytes;
        self
    }

    /// Ends a file before the earliest and the latest event in it lie further apart than this, by
    /// their timestamps; no limit where nothing is said.
    ///
    /// Meant for streams in the order of time: one that goes back and forth makes many files.
    pub fn max_file_time(mut self, time: Duration) -> Self {
        self.max_file_time = Some(time);
        self
    }

    /// Compresses files with zstd at a level; levels that it does not know are brought into range.
    pub fn zstd(mut self, level: i32) -> Self {
        let known = zstd::compression_level_range();
        self.zstd_level = Some(level.clamp(*known.start(), *known.end()));
        self
    }

    /// Returns a handle that reads what was done, also after the close.
    pub fn report(&self) -> LinesReport {
        self.report.clone()
    }

    fn write(&mut self, event: &TraceEvent) -> Result<(), ExportError> {
        self.line.clear();
        write_event(event, &mut self.line);
        self.line.push('\n');
        let bytes = self.line.len() as u64;
        if self
            .open
            .as_ref()
            .is_some_and(|part| !self.fits(part, event, bytes))
        {
            self.end_part()?;
        }
        if self.open.is_none() {
            self.open = Some(self.begin_part()?);
        }
        if let Some(part) = &mut self.open {
            part.write(&self.line, event.timestamp)?;
        }
        self.report.update(|counts| {
            counts.events += 1;
            counts.bytes += bytes;
        });
        Ok(())
    }

    fn fits(&self, part: &Part, event: &TraceEvent, bytes: u64) -> bool {
        let in_time = self
            .max_file_time
            .is_none_or(|limit| part.millis_with(event.timestamp) <= limit.as_secs_f64() * 1e3);
        in_time && part.bytes() + bytes <= self.max_file_bytes
    }

    fn begin_part(&mut self) -> Result<Part, ExportError> {
        let ordinary = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if !self.stem.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !self.stem.chars().all(ordinary)
        {
            return Err(ExportError::permanent(format!(
                "{:?} cannot begin the names of files",
                self.stem
            )));
        }
        let extension = if self.zstd_level.is_some() {
            ".jsonl.zst"
        } else {
            ".jsonl"
        };
        let name = format!("{}-{:05}{extension}", self.stem, self.begun);
        self.begun += 1;
        Part::begin(self.folder.begin(Path::new(&name))?, self.zstd_level)
    }

    fn end_part(&mut self) -> Result<(), ExportError> {
        let Some(part) = self.open.take() else {
            return Ok(());
        };
        let file = part.finish()?;
        self.folder.sync()?;
        self.report.update(|counts| counts.files.push(file));
        Ok(())
    }

    /// Removes the files of a former export that this one did not replace.
    fn remove_former(&self) -> Result<(), ExportError> {
        let written = self.report.read().files;
        let doing = |error| failed("clear", self.folder.path(), error);
        let mut removed = 0;
        for entry in fs::read_dir(self.folder.path()).map_err(doing)? {
            let path = entry.map_err(doing)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if self.is_own_name(&name) && !written.iter().any(|file| file.path == path) {
                fs::remove_file(&path).map_err(|e| failed("remove", &path, e))?;
                removed += 1;
            }
        }
        self.report.update(|counts| counts.removed = removed);
        if removed > 0 {
            self.folder.sync()
        } else {
            Ok(())
        }
    }

    fn is_own_name(&self, name: &str) -> bool {
        let Some(rest) = name
            .strip_prefix(&self.stem)
            .and_then(|rest| rest.strip_prefix('-'))
        else {
            return false;
        };
        let number = rest
            .strip_suffix(".jsonl")
            .or_else(|| rest.strip_suffix(".jsonl.zst"));
        number.is_some_and(|number| number.len() >= 5 && number.bytes().all(|b| b.is_ascii_digit()))
    }

    /// Does something unless an earlier thing failed: half a line may stand in the file then.
    fn attempt(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        if self.gave_up {
            return Err(given_up(self.folder.path()));
        }
        let done = act(self);
        if done.is_err() {
            self.gave_up = true;
            self.open = None;
        }
        done
    }
}

impl Exporter for EventLines {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.attempt(|lines| {
            batch
                .events()
                .iter()
                .try_for_each(|event| lines.write(event))
        })
    }

    /// Makes what was written durable under its temporary name, as far as it can without ending
    /// the file; the last 128 KiB of a compressed one stay in memory.
    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        self.attempt(|lines| lines.open.as_mut().map_or(Ok(()), Part::flush))
    }

    fn close(mut self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        self.attempt(|lines| {
            lines.end_part()?;
            if lines.begun > 0 {
                lines.remove_former()
            } else {
                Ok(())
            }
        })
    }
}
