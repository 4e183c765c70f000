//! What an export says of itself while it goes on.

use std::path::{Path, PathBuf};

use runtrail_archive::{Input, ReadReport};
use runtrail_journal::{
    ChunkCompleted, ChunkStarted, Entry, FileWritten, Journal, JournalError, JournalWriter,
    PlanResolved, QualityIssue, ReconciliationResult, RunStatus, Severity, Snapshot, State,
    SystemClock, ValidationResult, list,
};
use runtrail_parquet::LakeReader;
use serde::Serialize;

use super::destination::shown_destination;
use super::plan::Plan;
use super::summary::Summary;
use crate::args::ExportArgs;
use crate::code::Code;
use crate::failure::Failure;

/// The folder of the journals within a lake.
const FOLDER: &str = "_runtrail/journal";

/// The journal of an export to a lake; of another one there is none, and nothing is said.
#[derive(Debug, Default)]
pub(super) struct ExportJournal {
    writer: Option<JournalWriter>,
    /// Whether nothing was exported to the lake before.
    is_first: bool,
    chunk: Option<&'static str>,
}

/// The plan, as the journal has it.
#[derive(Serialize)]
struct PlanSnapshot<'a> {
    to: String,
    tables: String,
    partition: &'static str,
    memory: usize,
    threads: usize,
    sources: Vec<SourcePlan>,
    /// Sources that the lake holds as they are.
    unchanged: &'a [String],
    /// Sources whose earlier export gives way.
    replaces: Vec<&'a String>,
}

#[derive(Serialize)]
struct SourcePlan {
    name: String,
    from: u64,
    until: Option<u64>,
}

impl ExportJournal {
    /// Begins the journal of an export to a lake with its plan.
    pub(super) fn begin(
        root: &Path,
        lake: Option<&LakeReader>,
        plan: &Plan,
        args: &ExportArgs,
    ) -> Result<Self, Failure> {
        let writer = JournalWriter::create(root.join(FOLDER), SystemClock::start());
        let mut journal = Self {
            writer: Some(writer.map_err(|error| failed(&error))?),
            is_first: lake.is_none_or(|lake| lake.listing().records.is_empty()),
            chunk: None,
        };
        let snapshot = PlanSnapshot {
            to: shown_destination(args),
            tables: args.tables.to_string(),
            partition: args.partition.as_str(),
            memory: args.memory,
            threads: args.threads(),
            sources: plan.inputs().iter().map(SourcePlan::of).collect(),
            unchanged: &plan.unchanged,
            replaces: plan.held.sources.iter().collect(),
        };
        let snapshot = Snapshot::of(&snapshot).map_err(|error| Failure::of(Code::Io, &error))?;
        journal.say(PlanResolved { snapshot })?;
        Ok(journal)
    }

    fn say(&mut self, entry: impl Into<Entry>) -> Result<(), Failure> {
        match &mut self.writer {
            Some(writer) => writer.record(entry).map_err(|error| failed(&error)),
            None => Ok(()),
        }
    }

    /// Says that the next piece of the work begins.
    pub(super) fn start(&mut self, chunk: &'static str) -> Result<(), Failure> {
        self.chunk = Some(chunk);
        let chunk = chunk.to_owned();
        self.say(ChunkStarted { chunk, attempt: 1 })
    }

    /// Says that the piece of the work is done.
    pub(super) fn done(&mut self, rows: u64) -> Result<(), Failure> {
        let Some(chunk) = self.chunk.take() else {
            return Ok(());
        };
        self.say(ChunkCompleted {
            chunk: chunk.to_owned(),
            attempt: 1,
            rows,
        })
    }

    /// Says what came of it, and that it has ended.
    pub(super) fn end(
        mut self,
        root: &Path,
        summary: &Summary,
        report: &ReadReport,
    ) -> Result<(), Failure> {
        if self.writer.is_none() {
            return Ok(());
        }
        for file in summary.files() {
            let path = Path::new(&file.path);
            let path = path.strip_prefix(root).unwrap_or(path);
            let written = FileWritten::new(path.display().to_string(), file.rows, file.bytes);
            self.say(written.part(file.table))?;
        }
        for (severity, count, message) in summary.issues(report) {
            self.say(QualityIssue {
                severity,
                message,
                count,
            })?;
        }
        self.say(check(root, summary))?;
        let (source, exported) = summary.balance_of();
        self.say(ReconciliationResult::of(source, exported))?;
        let status = if summary.is_partial() {
            RunStatus::Partial
        } else {
            RunStatus::Ok
        };
        self.finish(status, None)
    }

    fn finish(&mut self, status: RunStatus, error: Option<String>) -> Result<(), Failure> {
        match self.writer.take() {
            Some(writer) => writer.finish(status, error).map_err(|error| failed(&error)),
            None => Ok(()),
        }
    }

    /// Says why the export ended early. Of a lake that it was to make nothing is left, so neither is this.
    pub(super) fn fail(mut self, failure: &Failure) {
        let path = self.writer.as_ref().map(|writer| writer.path().to_owned());
        let status = if failure.code == Code::Interrupted {
            RunStatus::Interrupted
        } else {
            RunStatus::Error
        };
        // The failure itself is told on the way out; a journal that cannot tell it too reads as interrupted.
        let _ = self.finish(status, Some(failure.render()));
        if self.is_first {
            path.as_deref().map(remove);
        }
    }
}

/// Says that the lake is as its exports made it, where the latest of them was not able to say so itself.
pub(super) fn settle(
    root: &Path,
    lake: Option<&LakeReader>,
    plan: &Plan,
    args: &ExportArgs,
) -> Result<(), Failure> {
    let latest: Option<PathBuf> = list(root.join(FOLDER))
        .ok()
        .and_then(|mut journals| journals.pop())
        .map(|latest| latest.path().to_owned());
    let state = latest.map(|path| Journal::read(path).map(|journal| journal.state()));
    if matches!(state, None | Some(Ok(State::Completed))) {
        return Ok(());
    }
    let mut journal = ExportJournal::begin(root, lake, plan, args)?;
    journal.finish(RunStatus::Ok, None)
}

/// Looks at the files that were written: whether each is there, whole, with its rows.
fn check(root: &Path, summary: &Summary) -> ValidationResult {
    let lake = LakeReader::open(root);
    let mut wrong = Vec::new();
    for file in summary.files() {
        let path = Path::new(&file.path);
        let path = path
            .strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string();
        let found = match &lake {
            Ok(Some(lake)) => lake.check_file(&path, false),
            _ => continue,
        };
        match found {
            Ok(found) if found.bytes == file.bytes && found.rows == Some(file.rows) => {}
            Ok(_) => wrong.push(format!("{path}: not what was written")),
            Err(error) => wrong.push(format!("{path}: {}", error.reason())),
        }
    }
    ValidationResult {
        check: "sizes and footers of the files written".to_owned(),
        passed: wrong.is_empty() && matches!(lake, Ok(Some(_))),
        detail: (!wrong.is_empty()).then(|| wrong.join("; ")),
    }
}

/// Removes a journal and the folders that were made for it.
fn remove(path: &Path) {
    let mut folders = path.ancestors().skip(1).take(2);
    if std::fs::remove_file(path).is_ok() {
        // Of a folder that is not empty this and the one around it stay.
        let _ = folders.try_for_each(std::fs::remove_dir);
    }
}

impl SourcePlan {
    fn of(input: &Input) -> Self {
        let extent = match input {
            Input::File { extent, .. } => *extent,
            _ => None,
        };
        Self {
            name: input.name(),
            from: extent.map_or(0, |extent| extent.from),
            until: extent.map(|extent| extent.until),
        }
    }
}

fn failed(error: &JournalError) -> Failure {
    Failure::of(Code::Io, error)
}

/// What about the data is worth a line: how much it matters, how many have it, and what it is.
pub(super) type Issue = (Severity, u64, String);
