//! What an export says of itself while it goes on.

use std::path::{Path, PathBuf};

use runtrail_archive::{Input, ReadReport};
use runtrail_journal::{
    ChunkCompleted, ChunkStarted, Entry, FOLDER_OF_LAKE, FileWritten, Journal, JournalError,
    JournalWriter, PlanResolved, QualityIssue, ReconciliationResult, RunStatus, Severity, Snapshot,
    State, SystemClock, ValidationResult, list,
};
use runtrail_parquet::{LakeLayout, LakeReader};
use serde::Serialize;

use super::destination::shown_destination;
use super::plan::{self, Plan, Planned};
use super::resume;
use super::summary::Summary;
use crate::args::{ExportArgs, ExporterKind};
use crate::code::Code;
use crate::failure::Failure;

/// The journal of an export; where none is kept, nothing is said.
#[derive(Debug, Default)]
pub(super) struct ExportJournal {
    writer: Option<JournalWriter>,
    /// When it is removed again.
    keep: Keep,
    /// Whether anything came of the export that a later one can build upon.
    came_to_something: bool,
    chunk: Option<&'static str>,
}

/// When a journal is removed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Keep {
    /// Never.
    #[default]
    Always,
    /// When the export comes to nothing: of a lake that it was to make nothing is left.
    UnlessNothing,
    /// When the export comes to its end, or to nothing: it is there to go on with.
    UntilDone,
}

/// The plan, as the journal has it: what decides about what is written.
#[derive(Serialize)]
struct PlanSnapshot<'a> {
    exporter: &'static str,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<LakeLayout>,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    content: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<String>,
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
    hash: Option<String>,
}

impl ExportJournal {
    /// Begins the journal of an export to a lake with its plan.
    pub(super) fn of_lake(
        root: &Path,
        lake: Option<&LakeReader>,
        plan: &Plan,
        args: &ExportArgs,
    ) -> Result<Self, Failure> {
        let is_first = lake.is_none_or(|lake| lake.listing().records.is_empty());
        let keep = if is_first {
            Keep::UnlessNothing
        } else {
            Keep::Always
        };
        Self::begin(&root.join(FOLDER_OF_LAKE), &snapshot(plan, args)?, keep)
    }

    /// Begins the journal of an export elsewhere, in a folder that was named or beside the destination, and
    /// says how many runs an attempt that was cut off saw acknowledged.
    pub(super) fn of_runs(
        beside: &Path,
        plan: &Plan,
        args: &ExportArgs,
    ) -> Result<(Self, u64), Failure> {
        let (folder, keep) = match &args.journal {
            Some(folder) => (folder.as_path(), Keep::Always),
            None => (beside, Keep::UntilDone),
        };
        let snapshot = snapshot(plan, args)?;
        let before = resume::acknowledged(folder, snapshot.as_json());
        let mut journal = Self::begin(folder, &snapshot, keep)?;
        resume::recall(&mut journal, before)?;
        Ok((journal, before))
    }

    fn begin(folder: &Path, snapshot: &Snapshot, keep: Keep) -> Result<Self, Failure> {
        let writer = JournalWriter::create(folder, SystemClock::start());
        let mut journal = Self {
            writer: Some(writer.map_err(|error| failed(&error))?),
            keep,
            came_to_something: false,
            chunk: None,
        };
        let snapshot = snapshot.clone();
        journal.say(PlanResolved { snapshot })?;
        Ok(journal)
    }

    /// Whether there is a journal.
    pub(super) fn is_kept(&self) -> bool {
        self.writer.is_some()
    }

    pub(super) fn say(&mut self, entry: impl Into<Entry>) -> Result<(), Failure> {
        let entry = entry.into();
        self.came_to_something |= matches!(entry, Entry::ChunkCompleted(_));
        match &mut self.writer {
            Some(writer) => writer.record(entry).map_err(|error| failed(&error)),
            None => Ok(()),
        }
    }

    /// Says that the next piece of the work begins.
    pub(super) fn start(&mut self, chunk: &'static str) -> Result<(), Failure> {
        if self.keep == Keep::UntilDone {
            return Ok(());
        }
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
        if summary.is_lake() {
            self.say(check(root, summary))?;
        }
        let (source, exported) = summary.balance_of();
        self.say(ReconciliationResult::of(source, exported))?;
        let status = if summary.is_partial() {
            RunStatus::Partial
        } else {
            RunStatus::Ok
        };
        let path = self.path();
        self.finish(status, None)?;
        if self.keep == Keep::UntilDone {
            path.as_deref().map(remove_all_before);
        }
        Ok(())
    }

    fn path(&self) -> Option<PathBuf> {
        let writer = self.writer.as_ref();
        writer.map(|writer| writer.path().to_owned())
    }

    fn finish(&mut self, status: RunStatus, error: Option<String>) -> Result<(), Failure> {
        match self.writer.take() {
            Some(writer) => writer.finish(status, error).map_err(|error| failed(&error)),
            None => Ok(()),
        }
    }

    /// Says why the export ended early. What came to nothing leaves nothing where nothing was.
    pub(super) fn fail(mut self, failure: &Failure) {
        let path = self.path();
        let status = if failure.code == Code::Interrupted {
            RunStatus::Interrupted
        } else {
            RunStatus::Error
        };
        // The failure itself is told on the way out; a journal that cannot tell it too reads as interrupted.
        let _ = self.finish(status, Some(failure.render()));
        let nothing = match self.keep {
            Keep::Always => false,
            Keep::UnlessNothing => true,
            Keep::UntilDone => !self.came_to_something,
        };
        if nothing {
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
    let latest: Option<PathBuf> = list(root.join(FOLDER_OF_LAKE))
        .ok()
        .and_then(|mut journals| journals.pop())
        .map(|latest| latest.path().to_owned());
    let state = latest.map(|path| Journal::read(path).map(|journal| journal.state()));
    if matches!(state, None | Some(Ok(State::Completed))) {
        return Ok(());
    }
    let mut journal = ExportJournal::of_lake(root, lake, plan, args)?;
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

fn snapshot(plan: &Plan, args: &ExportArgs) -> Result<Snapshot, Failure> {
    let is_lake = args.exporter == ExporterKind::Parquet;
    let snapshot = PlanSnapshot {
        exporter: args.exporter.as_str(),
        to: shown_destination(args),
        layout: is_lake.then(|| LakeLayout::new(args.tables, args.partition)),
        namespace: &args.namespace,
        content: args.content,
        read: plan::options(&args.read),
        sources: plan.sources.iter().map(SourcePlan::of).collect(),
        unchanged: &plan.unchanged,
        replaces: plan.held.sources.iter().collect(),
    };
    Snapshot::of(&snapshot).map_err(|error| Failure::of(Code::Io, &error))
}

/// Removes a journal and those before it, and their folder.
fn remove_all_before(path: &Path) {
    let Some(folder) = path.parent() else { return };
    for journal in list(folder).unwrap_or_default() {
        if journal.path() <= path {
            let _ = std::fs::remove_file(journal.path());
        }
    }
    let _ = std::fs::remove_dir(folder);
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
    fn of(source: &Planned) -> Self {
        let extent = match source.input {
            Input::File { extent, .. } => extent,
            _ => None,
        };
        Self {
            name: source.input.name(),
            from: extent.map_or(0, |extent| extent.from),
            until: extent.map(|extent| extent.until),
            hash: source.hash(),
        }
    }
}

fn failed(error: &JournalError) -> Failure {
    Failure::of(Code::Io, error)
}

/// What about the data is worth a line: how much it matters, how many have it, and what it is.
pub(super) type Issue = (Severity, u64, String);
