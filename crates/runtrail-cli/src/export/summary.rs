//! What an export came to, for programs and for people.

mod text;

use std::collections::BTreeMap;

use runtrail_archive::{ReadReport, SortCounts, Sources};
use runtrail_journal::Severity;
use runtrail_parquet::Tables;
use serde::Serialize;

use super::besides::Besides;
use super::destination::shown_destination;
use super::journal::Issue;
use super::plan::Plan;
use super::resume::Chunks;
use super::target::{FileWritten, SpanCounts, Written};
use crate::args::{ExportArgs, Format};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::out::Out;

/// What an export came to: one JSON object with `--format json`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    exporter: &'static str,
    to: String,
    records_read: u64,
    events_written: u64,
    duplicates: u64,
    conflicts: u64,
    quarantined: u64,
    unknown_kinds: u64,
    runs: u64,
    ops: u64,
    errors: u64,
    groups: u64,
    truncated_ops: u64,
    truncated_groups: u64,
    links: u64,
    anomalies: u64,
    anomalies_by_kind: BTreeMap<&'static str, u64>,
    substitutions: u64,
    misfits: BTreeMap<String, u64>,
    content_dropped: u64,
    spans_dropped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    spans: Option<SpanCounts>,
    bytes_read: u64,
    files_read: u64,
    files: Vec<FileWritten>,
    quarantine: Option<String>,
    quarantined_by_reason: BTreeMap<&'static str, u64>,
    /// Sources that the lake holds as they are.
    unchanged: Vec<String>,
    /// Sources of which what was appended was read.
    continued: Vec<String>,
    /// Runs that the lake held something of and that were written anew, whole.
    runs_rewritten: u64,
    #[serde(skip)]
    everything_rewritten: bool,
    #[serde(skip)]
    rewritten_from_sources: bool,
    events_rewritten: u64,
    runs_carried: u64,
    /// Runs, and their events among those written, that an attempt which was cut off had seen acknowledged.
    runs_before: u64,
    events_before: u64,
    #[serde(skip)]
    runs_not_carried: u64,
    parts_removed: Vec<String>,
    skipped: Vec<String>,
    failed_files: Vec<FailedFile>,
    empty_files: Vec<String>,
    #[serde(skip)]
    llm_calls: u64,
}

#[derive(Debug, Serialize)]
struct FailedFile {
    path: String,
    reason: String,
}

impl Summary {
    /// Begins with what was asked for.
    pub(crate) fn new(args: &ExportArgs, sources: &Sources) -> Self {
        Self {
            exporter: args.exporter.as_str(),
            to: shown_destination(args),
            skipped: sources
                .skipped_lakes
                .iter()
                .map(|lake| lake.display().to_string())
                .collect(),
            ..Self::default()
        }
    }

    /// Adds what is read of the sources.
    pub(crate) fn planned(&mut self, plan: &Plan) {
        self.unchanged.clone_from(&plan.unchanged);
        let rest = plan.sources.iter().filter(|source| source.is_rest);
        self.continued = rest.map(|source| source.input.name()).collect();
    }

    /// Takes out what was there before and was written anew.
    pub(crate) fn besides(&mut self, besides: &Besides) {
        self.runs_rewritten = besides.runs().unwrap_or(self.runs);
        self.everything_rewritten = besides.runs().is_none();
        self.rewritten_from_sources = besides.are_from_sources();
        self.events_rewritten = besides.events();
        self.events_written = self.events_written.saturating_sub(besides.events());
    }

    /// Adds what an attempt that was cut off had done.
    pub(crate) fn before(&mut self, chunks: &Chunks) {
        self.runs_before = chunks.runs_before();
        self.events_before = chunks.events_before;
        self.events_written += self.events_before;
    }

    /// Adds what was read.
    pub(crate) fn read(&mut self, report: &ReadReport) {
        self.quarantined = report.rejected();
        self.records_read = report.events + self.quarantined;
        self.quarantined_by_reason.clone_from(&report.rejects);
        self.substitutions = report.substitutions;
        self.bytes_read = report.bytes_read;
        self.files_read = report.files;
        self.skipped.extend(report.skipped.iter().cloned());
        self.empty_files.clone_from(&report.empty);
        let failed = report.failed.iter().map(|(path, reason)| FailedFile {
            path: path.clone(),
            reason: reason.clone(),
        });
        self.failed_files = failed.collect();
    }

    /// Adds what ordering found.
    pub(crate) fn sorted(&mut self, counts: SortCounts) {
        self.duplicates = counts.duplicates;
        self.conflicts = counts.conflicts;
        self.unknown_kinds = counts.unknown_kinds;
    }

    /// Adds what was written.
    pub(crate) fn written(&mut self, written: Written) {
        let totals = written.totals;
        self.events_written = written.events;
        self.runs = totals.runs;
        self.ops = totals.ops;
        self.errors = totals.errors;
        self.groups = totals.groups;
        self.truncated_ops = totals.truncated_ops;
        self.truncated_groups = totals.truncated_groups;
        self.links = totals.links;
        self.anomalies = totals.anomalies.total();
        self.anomalies_by_kind = totals
            .anomalies
            .by_kind()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        self.llm_calls = totals.usage.calls;
        self.misfits = written.misfits;
        self.content_dropped = written.content_dropped;
        self.spans_dropped = written.spans_dropped;
        self.spans = written.spans;
        self.parts_removed = written.removed;
        (self.runs_carried, self.runs_not_carried) = written.carried;
        self.files = written.files;
        self.quarantine = written.quarantine;
    }

    /// Prints the summary and says how the command ends.
    pub(crate) fn finish(&self, format: Format, tables: Tables, out: &mut Out) -> Outcome {
        let text = match format {
            Format::Text => self.text(tables, out.terminal),
            Format::Markdown => self.markdown(),
            Format::Json => to_json(serde_json::to_string_pretty(self))?,
            Format::Jsonl => to_json(serde_json::to_string(self))?,
        };
        out.answer(&text)?;
        self.check_balance()?;
        Ok(if !self.failed_files.is_empty() {
            Code::Io
        } else if self.quarantined > 0 || self.spans.as_ref().is_some_and(SpanCounts::not_all_taken)
        {
            Code::Quarantined
        } else {
            Code::Done
        })
    }

    /// Returns the files that were written.
    pub(super) fn files(&self) -> &[FileWritten] {
        &self.files
    }

    /// Returns what was read, and what is accounted for.
    pub(super) fn balance_of(&self) -> (u64, u64) {
        (self.records_read, self.accounted_for())
    }

    /// Whether a lake was written.
    pub(super) fn is_lake(&self) -> bool {
        self.exporter == "parquet"
    }

    /// Whether something was left out that was not meant to be.
    pub(super) fn is_partial(&self) -> bool {
        self.quarantined > 0 || !self.failed_files.is_empty()
    }

    /// Returns what is odd about the data.
    pub(super) fn issues(&self, report: &ReadReport) -> Vec<Issue> {
        let failed = report.failed.iter();
        let failed = failed.map(|(file, why)| (Severity::Error, 1, format!("{file}: {why}")));
        let misfits = self.misfits.iter().map(|(column, count)| {
            let what = format!("values that do not fit the column {column}");
            (Severity::Info, *count, what)
        });
        let rejects = self
            .quarantined_by_reason
            .iter()
            .map(|(reason, count)| (Severity::Warning, *count, format!("quarantined: {reason}")));
        let counted = [
            (
                Severity::Warning,
                self.conflicts,
                "ids used again for other content",
            ),
            (Severity::Info, self.duplicates, "exact repeats left out"),
            (
                Severity::Info,
                self.substitutions,
                "values that JSON does not allow, replaced",
            ),
            (
                Severity::Info,
                self.unknown_kinds,
                "events of kinds that are not known",
            ),
            (Severity::Info, self.anomalies, "oddities of the runs"),
            (
                Severity::Warning,
                self.runs_not_carried,
                "open runs closed: too many to carry",
            ),
        ];
        let counted = counted.into_iter().filter(|(_, count, _)| *count > 0);
        let counted = counted.map(|(severity, count, what)| (severity, count, what.to_owned()));
        failed
            .chain(rejects)
            .chain(misfits)
            .chain(counted)
            .collect()
    }

    fn accounted_for(&self) -> u64 {
        self.events_written + self.duplicates + self.quarantined
    }

    fn check_balance(&self) -> Result<(), Failure> {
        if let Some(spans) = self.spans.as_ref().filter(|spans| !spans.balance()) {
            return Err(Failure::new(
                Code::Io,
                format!("{} spans were sent, not all are accounted for", spans.sent),
            )
            .help("do not rely on this export; please report it together with the summary"));
        }
        if self.records_read == self.accounted_for() {
            return Ok(());
        }
        let (read, written) = (self.records_read, self.accounted_for());
        Err(Failure::new(
            Code::Io,
            format!("{read} records were read, {written} are accounted for"),
        )
        .help("do not rely on this export; please report it together with the summary"))
    }
}

fn to_json(json: serde_json::Result<String>) -> Result<String, Failure> {
    json.map(|json| json + "\n")
        .map_err(|error| Failure::of(Code::Io, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_balance_is_a_failure() {
        let mut summary = Summary {
            records_read: 10,
            events_written: 7,
            duplicates: 2,
            quarantined: 1,
            ..Summary::default()
        };
        assert!(summary.check_balance().is_ok());
        summary.duplicates = 1;
        let failure = summary.check_balance().unwrap_err();
        assert_eq!(failure.code, Code::Io);
        assert!(
            failure
                .render()
                .starts_with("10 records were read, 9 are accounted for\n")
        );
    }
}
