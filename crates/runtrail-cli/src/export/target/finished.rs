//! What an export wrote, read once it is closed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use runtrail_core::span::RunTotals;
use runtrail_json::{LinesReport, TreesReport};
use runtrail_otlp::OtlpReport;
use runtrail_parquet::{LakeReportHandle, Table};

use crate::code::Code;
use crate::export::destination::Destination;
use crate::export::target::spans::SpanCounts;
use crate::export::totals::Totals;
use crate::failure::Failure;

/// What an export wrote.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Events that the exporter took.
    pub(crate) events: u64,
    /// What the runs came to.
    pub(crate) totals: RunTotals,
    /// The files.
    pub(crate) files: Vec<FileWritten>,
    /// The quarantine file.
    pub(crate) quarantine: Option<String>,
    /// Payload values that did not fit their column, by column.
    pub(crate) misfits: BTreeMap<String, u64>,
    /// Bytes of content that were left out of trees because of a limit.
    pub(crate) content_dropped: u64,
    /// Spans that were left out of trees because of a limit.
    pub(crate) spans_dropped: u64,
    /// Parts of a lake that gave way to these.
    pub(crate) removed: Vec<String>,
    /// Runs that are carried on, and those that were to be and are too many.
    pub(crate) carried: (u64, u64),
    /// What became of OpenTelemetry spans.
    pub(crate) spans: Option<SpanCounts>,
}

/// A file that an export wrote.
#[derive(Debug, serde::Serialize)]
pub(crate) struct FileWritten {
    /// The table of a lake, `trees`, `events`, or `spans`.
    pub(crate) table: &'static str,
    /// Its path.
    pub(crate) path: String,
    /// Its rows: of trees, the runs.
    pub(crate) rows: u64,
    /// Its size.
    pub(crate) bytes: u64,
}

/// Reads what an export wrote, once it is closed.
pub(super) struct Finished {
    pub(super) destination: Destination,
    pub(super) staged: Option<PathBuf>,
    pub(super) report: Report,
}

/// The report of each exporter.
pub(super) enum Report {
    Lake(LakeReportHandle),
    Trees(TreesReport, Totals),
    Lines(LinesReport, Totals),
    Spans(OtlpReport, Totals),
}

impl Finished {
    /// Puts the quarantine file in its place and says what was written.
    pub(super) fn written(self) -> Result<Written, Failure> {
        let quarantine = match &self.staged {
            Some(staged) => Some(publish(staged, &self.destination.quarantine())?),
            None => {
                self.remove_former_quarantine();
                None
            }
        };
        let written = match self.report {
            Report::Lake(handle) => return lake_written(&handle, self.destination.path()),
            Report::Trees(report, totals) => {
                let (counts, totals) = (report.read(), totals.read());
                let files = counts.files.into_iter().map(|file| FileWritten {
                    table: "trees",
                    path: shown(&file.path, self.destination.path()),
                    rows: file.runs,
                    bytes: file.bytes,
                });
                Written {
                    events: totals.events,
                    files: files.collect(),
                    content_dropped: counts.content_dropped,
                    spans_dropped: counts.spans_dropped,
                    totals,
                    ..Written::default()
                }
            }
            Report::Spans(report, totals) => {
                let (counts, totals) = (SpanCounts::of(&report.read()), totals.read());
                let path = self.destination.path();
                let file = fs::metadata(path)
                    .ok()
                    .filter(|_| {
                        matches!(self.destination, Destination::SpanFile(_)) && counts.sent > 0
                    })
                    .map(|found| FileWritten {
                        table: "spans",
                        path: shown(path, path),
                        rows: counts.sent,
                        bytes: found.len(),
                    });
                Written {
                    events: totals.events,
                    files: file.into_iter().collect(),
                    spans: Some(counts),
                    totals,
                    ..Written::default()
                }
            }
            Report::Lines(report, totals) => {
                let counts = report.read();
                let files = counts.files.into_iter().map(|file| FileWritten {
                    table: Table::Events.as_str(),
                    path: shown(&file.path, self.destination.path()),
                    rows: file.events,
                    bytes: file.bytes,
                });
                Written {
                    events: counts.events,
                    files: files.collect(),
                    totals: totals.read(),
                    ..Written::default()
                }
            }
        };
        Ok(Written {
            quarantine,
            ..written
        })
    }

    /// Removes the quarantine of a former export whose files this one replaced. A folder of trees
    /// holds those of many exports, so what is beside it stays.
    fn remove_former_quarantine(&self) {
        let place = self.destination.quarantine();
        let replaced = !matches!(self.report, Report::Lake(_))
            && !matches!(
                self.destination,
                Destination::TreeFolder(_) | Destination::Receiver(_)
            );
        let mut head = [0; 8];
        let mut is_ours = || {
            File::open(&place)
                .and_then(|mut file| file.read_exact(&mut head))
                .is_ok()
                && head == *b"{\"file\":"
        };
        if replaced && is_ours() {
            let _ = fs::remove_file(&place);
        }
    }
}

/// Shows a file's path as the destination was named: `x.jsonl`, not `./x.jsonl`.
fn shown(file: &Path, destination: &Path) -> String {
    let file = if destination.starts_with(".") {
        file
    } else {
        file.strip_prefix(".").unwrap_or(file)
    };
    file.display().to_string()
}

fn lake_written(handle: &LakeReportHandle, lake: &Path) -> Result<Written, Failure> {
    let report = handle
        .get()
        .ok_or_else(|| Failure::new(Code::Io, "the lake was not completed"))?;
    let shown = |path: &str| lake.join(path).display().to_string();
    let files = report.files.iter().map(|file| FileWritten {
        table: file.table.as_str(),
        path: shown(&file.path),
        rows: file.rows,
        bytes: file.bytes,
    });
    Ok(Written {
        events: report.events,
        files: files.collect(),
        quarantine: report.quarantine.as_deref().map(shown),
        totals: report.totals,
        misfits: report.misfits,
        removed: report.removed.iter().map(|path| shown(path)).collect(),
        carried: (report.carried, report.not_carried),
        ..Written::default()
    })
}

/// Puts a complete file in its place, and makes its name durable.
fn publish(staged: &Path, place: &Path) -> Result<String, Failure> {
    let publish = || {
        fs::rename(staged, place)?;
        let folder = place
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        if cfg!(unix) {
            File::open(folder)?.sync_all()
        } else {
            Ok(())
        }
    };
    publish().map_err(|error| Failure::path("write", place, &error))?;
    Ok(place.display().to_string())
}
