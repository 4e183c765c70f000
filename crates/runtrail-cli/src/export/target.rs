//! The exporters that a program can use as well, opened for a destination.

mod finished;
pub(crate) mod spans;

use std::path::{Path, PathBuf};
use std::time::Instant;

use runtrail_archive::RejectCounts;
use runtrail_core::export::{Exporter, Spans};
use runtrail_core::fold::{Detail, Fold, FoldLimits};
use runtrail_json::{EventLines, Trees};
use runtrail_otlp::OtlpLines;
use runtrail_otlp::map::Content;
use runtrail_parquet::{Changes, Lake, LakeSettings, SourceInfo};

pub(crate) use finished::{FileWritten, Written};
use finished::{Finished, Report};
pub(crate) use spans::SpanCounts;

use super::destination::Destination;
use super::totals::{Both, Counting, Nowhere};
use crate::args::ExportArgs;
use crate::code::Code;
use crate::failure::Failure;
use crate::memory::MemoryPlan;

/// The Zstandard level of compressed JSON Lines: the one of the lake.
const ZSTD_LEVEL: i32 = 3;

/// An opened destination.
pub(crate) struct OpenTarget {
    destination: Destination,
    exporter: Opened,
}

enum Opened {
    Lake(Box<Lake>),
    Other(Box<dyn Exporter>, Report),
}

impl OpenTarget {
    /// Opens a destination. Of a lake the folders are made, of the others nothing yet.
    pub(crate) fn open(
        destination: &Destination,
        args: &ExportArgs,
        plan: MemoryPlan,
        threads: usize,
    ) -> Result<Self, Failure> {
        let opened = match destination {
            Destination::Lake(path) => {
                let builder = Lake::local(path)
                    .tables(args.tables)
                    .partition(args.partition);
                let lake = builder
                    .settings(LakeSettings::batch(plan.lake, threads))
                    .open();
                Opened::Lake(Box::new(
                    lake.map_err(|error| Failure::of(Code::Io, &error))?,
                ))
            }
            Destination::TreeFolder(path) => trees(Trees::dir(path)),
            Destination::TreeFile(path) => trees(Trees::lines(path)),
            Destination::LinesFolder(path) if args.zstd => {
                lines(EventLines::dir(path).zstd(ZSTD_LEVEL))
            }
            Destination::LinesFolder(path) => lines(EventLines::dir(path)),
            Destination::Receiver(url) => {
                let otlp = spans::sender(url, args)?;
                let report = otlp.report();
                let (exporter, totals) = spans::exporter(otlp, &args.namespace);
                Opened::Other(exporter, Report::Spans(report, totals))
            }
            Destination::SpanFile(path) => {
                let mut lines = OtlpLines::file(path).mapping(spans::mapping(args));
                if args.content {
                    lines = lines.content(Content::ALL);
                }
                let report = lines.report();
                let (exporter, totals) = spans::exporter(lines, &args.namespace);
                Opened::Other(exporter, Report::Spans(report, totals))
            }
        };
        Ok(Self {
            destination: destination.clone(),
            exporter: opened,
        })
    }

    /// Returns a folder for temporary files, on the destination's own disk.
    pub(crate) fn temp_dir(&self) -> &Path {
        match &self.exporter {
            Opened::Lake(lake) => lake.temp_dir(),
            Opened::Other(..) => self.destination.existing_folder(),
        }
    }

    /// Returns where the quarantine file is written until the export is done.
    pub(crate) fn staged_quarantine(&self) -> PathBuf {
        if let Opened::Lake(lake) = &self.exporter {
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

    /// Returns what takes the events.
    pub(crate) fn exporter(&mut self) -> &mut dyn Exporter {
        match &mut self.exporter {
            Opened::Lake(lake) => lake.as_mut(),
            Opened::Other(exporter, _) => exporter.as_mut(),
        }
    }

    /// Says what the export changes of what a lake holds already.
    pub(crate) fn change(&mut self, changes: Changes) {
        if let Opened::Lake(lake) = &mut self.exporter {
            lake.change(changes);
        }
    }

    /// Names the sources that were read, for the log of a lake.
    pub(crate) fn set_sources(&mut self, sources: Vec<SourceInfo>) {
        if let Opened::Lake(lake) = &mut self.exporter {
            lake.set_sources(sources);
        }
    }

    /// Completes the export with what was put in quarantine, and says what was written.
    pub(crate) fn close(
        self,
        staged: Option<PathBuf>,
        rejects: &RejectCounts,
        deadline: Instant,
    ) -> Result<Written, Failure> {
        let destination = self.destination;
        let finished = match self.exporter {
            Opened::Lake(mut lake) => {
                if let Some(staged) = staged {
                    let rejects = rejects
                        .iter()
                        .map(|(reason, count)| ((*reason).to_owned(), *count));
                    lake.set_quarantine(staged, rejects.collect());
                }
                let report = Report::Lake(lake.report());
                lake.close(deadline)?;
                // The lake puts what is in quarantine in its place itself.
                Finished {
                    destination,
                    staged: None,
                    report,
                }
            }
            Opened::Other(exporter, report) => {
                exporter.close(deadline)?;
                Finished {
                    destination,
                    staged,
                    report,
                }
            }
        };
        finished.written()
    }
}

fn trees(trees: Trees) -> Opened {
    let report = trees.report();
    let (counting, totals) = Counting::new(trees);
    let exporter = Box::new(Spans::new(counting));
    Opened::Other(exporter, Report::Trees(report, totals))
}

fn lines(lines: EventLines) -> Opened {
    let report = lines.report();
    let (counting, totals) = Counting::new(Nowhere);
    let limits = FoldLimits {
        detail: Detail::Summary,
        ..FoldLimits::default()
    };
    let both = Both(lines, Spans::with_fold(counting, Fold::new("", limits)));
    Opened::Other(Box::new(both), Report::Lines(report, totals))
}
