//! The exporters that a program can use as well, opened for a destination.

mod finished;
pub(crate) mod spans;

use std::path::{Path, PathBuf};

use runtrail_archive::{Input, RejectCounts};
use runtrail_core::export::{Exporter, Spans};
use runtrail_json::{EventLines, Trees};
use runtrail_otlp::{Otlp, OtlpLines};
use runtrail_parquet::{Lake, LakeSettings, SourceInfo};

use finished::Report;
pub(crate) use finished::{FileWritten, Finished, Written};
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
pub(crate) struct Target {
    destination: Destination,
    opened: Opened,
    namespace: String,
}

enum Opened {
    Lake(Box<Lake>),
    Trees(Box<Trees>),
    Lines(Box<EventLines>),
    Otlp(Box<Otlp>),
    SpanLines(Box<OtlpLines>),
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
            Destination::Receiver(url) => Opened::Otlp(Box::new(spans::sender(url, args)?)),
            Destination::SpanFile(path) => {
                let lines = OtlpLines::file(path).mapping(spans::mapping(args));
                Opened::SpanLines(Box::new(lines))
            }
        };
        Ok(Self {
            destination: destination.clone(),
            opened,
            namespace: args.namespace.clone(),
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
            namespace,
        } = self;
        let (exporter, report): (Box<dyn Exporter>, Report) = match opened {
            Opened::Lake(mut lake) => {
                if let Some(staged) = staged {
                    let rejects = rejects
                        .iter()
                        .map(|(reason, count)| ((*reason).to_owned(), *count));
                    lake.set_quarantine(staged, rejects.collect());
                }
                let report = Report::Lake(lake.report());
                // The lake puts what is in quarantine in its place itself.
                let finished = Finished {
                    destination,
                    staged: None,
                    report,
                };
                return (lake, finished);
            }
            Opened::Trees(trees) => {
                let report = trees.report();
                let (counting, totals) = Counting::new(*trees);
                (
                    Box::new(Spans::new(counting)),
                    Report::Trees(report, totals),
                )
            }
            Opened::Otlp(otlp) => {
                let report = otlp.report();
                let (exporter, totals) = spans::exporter(*otlp, &namespace);
                (exporter, Report::Spans(report, totals))
            }
            Opened::SpanLines(lines) => {
                let report = lines.report();
                let (exporter, totals) = spans::exporter(*lines, &namespace);
                (exporter, Report::Spans(report, totals))
            }
            Opened::Lines(lines) => {
                let report = lines.report();
                let (counting, totals) = Counting::new(Nowhere);
                let both = Both(*lines, Spans::new(counting));
                (Box::new(both), Report::Lines(report, totals))
            }
        };
        let finished = Finished {
            destination,
            staged,
            report,
        };
        (exporter, finished)
    }
}
