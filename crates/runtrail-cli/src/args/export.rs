//! Arguments of `export`.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use runtrail_parquet::{OpenRuns, Partition, Tables};

use super::{Format, ReadArgs, after_help};
use crate::size::parse_bytes;

const EXAMPLES: &str = "  runtrail export nightly/*.jsonl.zst --to lake
  runtrail export events.jsonl --to trees --exporter json         one file a run
  runtrail export events.jsonl --to trees.jsonl --exporter json   one line a run
  runtrail export big.jsonl.gz --to lake --tables events --memory 256MiB --threads 2
  cat events.jsonl | runtrail export - --to lake --format json
  runtrail export events.jsonl --to http://localhost:4318 --exporter otlp --dead-letter dead.jsonl
  runtrail export dead.jsonl --to http://localhost:4318 --exporter otlp      send those again
  runtrail export events.jsonl --to spans.jsonl --exporter otlp-json

The same command again does nothing, makes an export whole that was stopped, or adds what was
appended to the sources of a lake since: nothing is doubled, and a run that goes on is one row.";

/// Arguments of `export`.
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub(crate) struct ExportArgs {
    /// The archive: files, folders, globs, or - for standard input
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,
    /// Where to export to: a folder; with the JSON exporters also a file that ends in .jsonl; of otlp
    /// the URL of a receiver; of otlp-json a file
    #[arg(long, value_name = "DEST", env = "RUNTRAIL_TO")]
    pub(crate) to: String,
    /// What to export
    #[arg(
        long,
        value_enum,
        value_name = "EXPORTER",
        default_value = "parquet",
        env = "RUNTRAIL_EXPORTER"
    )]
    pub(crate) exporter: ExporterKind,
    /// The tables of a lake: events, ops, groups, runs, links
    #[arg(
        long,
        value_name = "TABLES",
        default_value = "events,ops,groups,runs,links",
        env = "RUNTRAIL_TABLES"
    )]
    pub(crate) tables: Tables,
    /// How the tables of a lake are split into folders: date, hour, none
    #[arg(
        long,
        value_name = "PARTITION",
        default_value = "date",
        env = "RUNTRAIL_PARTITION"
    )]
    pub(crate) partition: Partition,
    /// Compress JSON Lines with Zstandard
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_ZSTD")]
    pub(crate) zstd: bool,
    /// The namespace of trace and span ids: the same run in two namespaces is two traces
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true,
        env = "RUNTRAIL_NAMESPACE"
    )]
    pub(crate) namespace: String,
    /// Send what ops were given and gave back with their spans, which else stays here
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_CONTENT")]
    pub(crate) content: bool,
    /// Keep spans that a receiver does not take in this file, as OTLP/JSON Lines, and go on
    #[arg(long, value_name = "FILE", env = "RUNTRAIL_DEAD_LETTER")]
    pub(crate) dead_letter: Option<PathBuf>,
    /// How many spans to send in a second, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "RUNTRAIL_MAX_SPANS_PER_SECOND")]
    pub(crate) max_spans_per_second: Option<u32>,
    /// Keep the journals of exports to a folder of trees or a receiver in this folder; else one is kept
    /// beside it until the export is complete, so that one that is cut off can go on
    #[arg(long, value_name = "DIR", env = "RUNTRAIL_JOURNAL")]
    pub(crate) journal: Option<PathBuf>,
    /// How much memory the export may use, whatever the archive's size; at least 256MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value = "1GiB", env = "RUNTRAIL_MEMORY")]
    pub(crate) memory: usize,
    /// How many threads to use; as many as there are processors unless stated
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), env = "RUNTRAIL_THREADS")]
    pub(crate) threads: Option<u16>,
    /// What to do with what cannot be read as an event
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value = "quarantine",
        env = "RUNTRAIL_ON_BAD_LINE"
    )]
    pub(crate) on_bad_line: OnBadLine,
    /// Export sources anew that are not what was exported of them before, in place of that; also what was
    /// exported together with parts that a lake lacks
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_REPLACE")]
    pub(crate) replace: bool,
    /// What to do with runs that are open at the end of the sources; carry, where a source of a lake has
    /// grown, and else truncate
    #[arg(long, value_enum, value_name = "WHAT", env = "RUNTRAIL_OPEN_RUNS")]
    pub(crate) open_runs: Option<OpenRunsArg>,
    /// How the summary is written
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        env = "RUNTRAIL_FORMAT"
    )]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

impl ExportArgs {
    /// What the command line says where it says no more than this.
    pub(crate) fn plain(sources: Vec<String>, to: String) -> Self {
        Self {
            sources,
            to,
            exporter: ExporterKind::Parquet,
            tables: Tables::default(),
            partition: Partition::default(),
            zstd: false,
            namespace: String::new(),
            content: false,
            dead_letter: None,
            max_spans_per_second: None,
            journal: None,
            memory: 1 << 30,
            threads: None,
            on_bad_line: OnBadLine::Quarantine,
            replace: false,
            open_runs: None,
            format: Format::Text,
            read: ReadArgs::default(),
        }
    }

    /// Returns the number of threads to use.
    pub(crate) fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.threads.map_or_else(all, usize::from)
    }
}

/// What an export writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExporterKind {
    /// A lake of Parquet tables
    Parquet,
    /// A JSON tree for every run
    Json,
    /// The events as JSON Lines
    Jsonl,
    /// OpenTelemetry spans, sent to a receiver; headers and certificates by the variables of
    /// OpenTelemetry, `OTEL_EXPORTER_OTLP_*`
    Otlp,
    /// OpenTelemetry spans in a file, as OTLP/JSON Lines
    OtlpJson,
}

impl ExporterKind {
    /// Returns the exporter's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Otlp => "otlp",
            Self::OtlpJson => "otlp-json",
        }
    }
}

/// What becomes of runs that are open at the end of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OpenRunsArg {
    /// Keep what is known of them, to be continued by the next export into the same lake
    Carry,
    /// Close them as truncated, also those that were carried
    Truncate,
}

impl From<OpenRunsArg> for OpenRuns {
    fn from(arg: OpenRunsArg) -> Self {
        match arg {
            OpenRunsArg::Carry => Self::Carry,
            OpenRunsArg::Truncate => Self::Truncate,
        }
    }
}

/// What becomes of a line that is not an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnBadLine {
    /// Keep it in a quarantine file and go on
    Quarantine,
    /// Stop before anything is written
    Fail,
}
