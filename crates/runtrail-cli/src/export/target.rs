//! The exporters that a program can use as well, opened for a destination.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use runtrail_archive::{Input, RejectCounts};
use runtrail_core::export::{Exporter, Spans};
use runtrail_core::span::RunTotals;
use runtrail_json::{EventLines, LinesReport, Trees, TreesReport};
use runtrail_parquet::{Lake, LakeReportHandle, LakeSettings, SourceInfo, Table};

use super::destination::Destination;
use super::totals::{Both, Counting, Nowhere, Totals};
use crate::args::ExportArgs;
use crate::code::Code;
use crate::failure::Failure;
use crate::memory::MemoryPlan;

/// The Zstandard level of compressed JSON Lines: the one of the lake.
const ZSTD_LEVEL: i32 = 3;

/// An opened destination.
pub(crate) struct Target {
    destination: Destination,
    opened: Opened,
}

enum Opened {
    Lake(Box<Lake>),
    Trees(Box<Trees>),
    Lines(Box<EventLines>),
}

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
}

/// A file that an export wrote.
#[derive(Debug, serde::Serialize)]
pub(crate) struct FileWritten {
    /// The table of a lake, `trees`, or `events`.
    pub(crate) table: &'static str,
    /// Its path.
    pub(crate) path: String,
    /// Its rows: of trees, the runs.
    pub(crate) rows: u64,
    /// Its size.
    pub(crate) bytes: u64,
}

impl Target {
    /// Opens a destination. Of a lake the folders are made, of the others nothing yet.
    pub(crate) fn open(
        destination: &Destination,
        args: &ExportArgs,
        plan: MemoryPlan,
        threads: usize,
        inputs: &[Input],
    ) -> Result<Self, Failure> {
        let opened = match destination {
            Destination::Lake(path) => {
                let sources = inputs.iter().map(|input| SourceInfo {
                    name: input.name(),
                    bytes: input.size(),
                });
                let builder = Lake::local(path)
                    .tables(args.tables)
                    .partition(args.partition)
                    .sources(sources.collect());
                let lake = builder
                    .settings(LakeSettings::batch(plan.lake, threads))
                    .open();
                Opened::Lake(Box::new(
                    lake.map_err(|error| Failure::of(Code::Io, &error))?,
                ))
            }
            Destination::TreeFolder(path) => Opened::Trees(Box::new(Trees::dir(path))),
            Destination::TreeFile(path) => Opened::Trees(Box::new(Trees::lines(path))),
            Destination::LinesFolder(path) if args.zstd => {
                Opened::Lines(Box::new(EventLines::dir(path).zstd(ZSTD_LEVEL)))
            }
            Destination::LinesFolder(path) => Opened::Lines(Box::new(EventLines::dir(path))),
        };
        Ok(Self {
            destination: destination.clone(),
            opened,
        })
    }

    /// Returns a folder for temporary files, on the destination's own disk.
    pub(crate) fn temp_dir(&self) -> &Path {
        match &self.opened {
            Opened::Lake(lake) => lake.temp_dir(),
            _ => self.destination.existing_folder(),
        }
    }

    /// Returns where the quarantine file is written until the export is done.
    pub(crate) fn staged_quarantine(&self) -> PathBuf {
        if let Opened::Lake(lake) = &self.opened {
            return lake.temp_dir().join("quarantine.jsonl");
        }
        // Always the same name, so that what a killed export left is written over.
        let name = self.destination.quarantine();
        let name = name
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        self.temp_dir().join(format!(".{name}.tmp"))
    }

    /// Begins the export, once it is known what was put in quarantine.
    pub(crate) fn into_exporter(
        self,
        staged: Option<PathBuf>,
        rejects: &RejectCounts,
    ) -> (Box<dyn Exporter>, Finished) {
        let Self {
            destination,
            opened,
        } = self;
        match opened {
            Opened::Lake(mut lake) => {
                if let Some(staged) = staged {
                    let rejects = rejects
                        .iter()
                        .map(|(reason, count)| ((*reason).to_owned(), *count));
                    lake.set_quarantine(staged, rejects.collect());
                }
                let report = lake.report();
                (
                    lake,
                    Finished {
                        destination,
                        staged: None,
                        report: Report::Lake(report),
                    },
                )
            }
            Opened::Trees(trees) => {
                let report = trees.report();
                let (counting, totals) = Counting::new(*trees);
                let report = Report::Trees(report, totals);
                (
                    Box::new(Spans::new(counting)),
                    Finished {
                        destination,
                        staged,
                        report,
                    },
                )
            }
            Opened::Lines(lines) => {
                let report = lines.report();
                let (counting, totals) = Counting::new(Nowhere);
                let report = Report::Lines(report, totals);
                let both = Both(*lines, Spans::new(counting));
                (
                    Box::new(both),
                    Finished {
                        destination,
                        staged,
                        report,
                    },
                )
            }
        }
    }
}

/// Reads what an export wrote, once it is closed.
pub(crate) struct Finished {
    destination: Destination,
    staged: Option<PathBuf>,
    report: Report,
}

enum Report {
    Lake(LakeReportHandle),
    Trees(TreesReport, Totals),
    Lines(LinesReport, Totals),
}

impl Finished {
    /// Puts the quarantine file in its place and says what was written.
    pub(crate) fn written(self) -> Result<Written, Failure> {
        let quarantine = match &self.staged {
            Some(staged) => Some(publish(staged, &self.destination.quarantine())?),
            None => None,
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
