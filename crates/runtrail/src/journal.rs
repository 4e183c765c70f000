//! The journal of the lake that a program writes, with what the pipeline left out on the way to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use runtrail_core::export::{Batch, ExportError, Exporter, in_full};
use runtrail_core::pipeline::{DropCause, Handle, Stats};
use runtrail_journal::{
    Dropped, FOLDER_OF_LAKE, FileWritten, JournalError, JournalWriter, PlanResolved, QualityIssue,
    RunStatus, Severity, Snapshot, SystemClock, Warning,
};
use runtrail_parquet::{Lake, LakeReportHandle};

/// What the sample left out, among the causes of the pipeline.
const SAMPLED_OUT: &str = "sampled_out";

/// The pipeline that an exporter is in, known once it has started. A clone learns of it with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Within(Arc<OnceLock<(Handle, usize)>>);

impl Within {
    /// Says which pipeline it is, and which of its exporters.
    pub(crate) fn tell(&self, pipeline: Handle, exporter: usize) {
        // An exporter is in one pipeline.
        let _ = self.0.set((pipeline, exporter));
    }

    fn losses(&self) -> Option<Losses> {
        let (pipeline, exporter) = self.0.get()?;
        Some(Losses::of(&pipeline.stats(), *exporter))
    }
}

/// What did not come to one exporter.
#[derive(Debug, Default, PartialEq, Eq)]
struct Losses {
    /// By cause; exact repeats are no loss.
    left_out: Vec<(&'static str, u64)>,
    /// Events that the exporter did not take.
    failed: u64,
}

impl Losses {
    fn of(stats: &Stats, exporter: usize) -> Self {
        let own = stats.exporters.get(exporter);
        let causes = DropCause::ALL.into_iter();
        let causes = causes.filter(|cause| *cause != DropCause::Duplicate);
        let dropped = causes.map(|cause| {
            let own = own.map_or(0, |own| own.dropped.by_cause(cause));
            (cause.as_str(), stats.dropped.by_cause(cause) + own)
        });
        let all = std::iter::once((SAMPLED_OUT, stats.sampled_out)).chain(dropped);
        Self {
            left_out: all.filter(|(_, count)| *count > 0).collect(),
            failed: own.map_or(0, |own| own.failed),
        }
    }

    /// Whether anything is missing that was not to be left out.
    fn is_unplanned(&self) -> bool {
        let planned = [
            SAMPLED_OUT,
            DropCause::Filtered.as_str(),
            DropCause::Aggregated.as_str(),
        ];
        self.failed > 0
            || self
                .left_out
                .iter()
                .any(|(cause, _)| !planned.contains(cause))
    }
}

/// A lake whose export has a journal, from its first event to its end.
///
/// A journal that cannot be written costs no event: the lake is written all the same, and closing it
/// says so.
pub(crate) struct Journaled {
    lake: Lake,
    report: LakeReportHandle,
    root: PathBuf,
    tables: String,
    within: Within,
    journal: Option<Result<JournalWriter, JournalError>>,
}

impl Journaled {
    pub(crate) fn new(lake: Lake, root: &Path, tables: String, within: Within) -> Self {
        Self {
            report: lake.report(),
            lake,
            root: root.to_owned(),
            tables,
            within,
            journal: None,
        }
    }

    /// Begins the journal, unless it has begun.
    fn begin(&mut self) {
        if self.journal.is_some() {
            return;
        }
        let plan = BTreeMap::from([
            ("by", "pipeline".to_owned()),
            ("exporter", "parquet".to_owned()),
            ("to", self.root.display().to_string()),
            ("tables", self.tables.clone()),
        ]);
        let begun = JournalWriter::create(self.root.join(FOLDER_OF_LAKE), SystemClock::start());
        self.journal = Some(begun.and_then(|mut journal| {
            // A map of texts is always JSON.
            if let Ok(snapshot) = Snapshot::of(&plan) {
                journal.record(PlanResolved { snapshot })?;
            }
            Ok(journal)
        }));
    }
}

#[deny(clippy::missing_trait_methods)]
impl Exporter for Journaled {
    fn name(&self) -> &str {
        self.lake.name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.begin();
        self.lake.export(batch)
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        self.lake.flush(deadline)
    }

    fn close(mut self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        self.begin();
        let closed = Box::new(self.lake).close(deadline);
        let journal = self.journal.transpose().and_then(|journal| match journal {
            Some(journal) => end(journal, &self.report, &self.within, closed.as_ref().err()),
            None => Ok(()),
        });
        // Of two errors, that of the lake counts.
        closed?;
        journal.map_err(|error| {
            let root = self.root.display();
            ExportError::permanent(format!("the lake {root} is whole, and its journal is not"))
                .with_source(error)
        })
    }
}

/// Records what the export came to.
fn end(
    mut journal: JournalWriter,
    report: &LakeReportHandle,
    within: &Within,
    error: Option<&ExportError>,
) -> Result<(), JournalError> {
    for file in report.get().into_iter().flat_map(|report| report.files) {
        let written = FileWritten::new(file.path, file.rows, file.bytes);
        journal.record(written.part(file.table.as_str()))?;
    }
    let losses = match within.losses() {
        Some(losses) => losses,
        None => {
            let what = "what was left out before the lake is not known";
            journal.record(Warning::new(what))?;
            Losses::default()
        }
    };
    for (cause, count) in &losses.left_out {
        journal.record(Dropped::new(*cause, *count))?;
    }
    if losses.failed > 0 {
        journal.record(QualityIssue {
            severity: Severity::Error,
            message: "events that the lake did not take".to_owned(),
            count: losses.failed,
        })?;
    }
    let status = match error {
        Some(_) => RunStatus::Error,
        None if losses.is_unplanned() => RunStatus::Partial,
        None => RunStatus::Ok,
    };
    journal.finish(status, error.map(|error| in_full(error)))
}
