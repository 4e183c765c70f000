//! Where an export goes, checked before anything is read.

use std::path::{Path, PathBuf};

use runtrail_archive::Input;
use runtrail_parquet::{Partition, Tables};

use crate::args::{ExportArgs, ExporterKind, OpenRunsArg};
use crate::failure::Failure;

/// Where an export goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A folder of Parquet tables.
    Lake(PathBuf),
    /// A folder with a tree for every run.
    TreeFolder(PathBuf),
    /// A file with a tree a line.
    TreeFile(PathBuf),
    /// A folder of JSON Lines.
    LinesFolder(PathBuf),
    /// A receiver of spans, by its URL.
    Receiver(String),
    /// A file of spans.
    SpanFile(PathBuf),
}

/// What a name with this ending is, where a folder is wanted.
const FILE_ENDINGS: [&str; 7] = [
    ".jsonl", ".json", ".parquet", ".zst", ".gz", ".ndjson", ".csv",
];

impl Destination {
    /// Reads `--to` and what it is to be.
    pub(crate) fn of(args: &ExportArgs) -> Result<Self, Failure> {
        check_span_options(args)?;
        check_lake_options(args)?;
        let to = args.to.strip_prefix("file://").unwrap_or(&args.to);
        if args.exporter == ExporterKind::Otlp && !to.is_empty() {
            return if args.to.contains("://") && !args.to.starts_with("file://") {
                Ok(Self::Receiver(to.to_owned()))
            } else {
                Err(Failure::usage(format!("{to} is not the URL of a receiver"))
                    .help("name one, such as --to http://localhost:4318; for a file, --exporter otlp-json"))
            };
        }
        if to.is_empty() {
            return Err(
                Failure::usage("--to names nothing").help("name a folder, such as --to lake")
            );
        }
        if to.contains("://") {
            return Err(
                Failure::usage(format!("{to}: cannot export to this kind of URL"))
                    .help("export to a folder here and copy it there; spans go to a URL with --exporter otlp"),
            );
        }
        if args.journal.is_some() && args.exporter == ExporterKind::Parquet {
            return Err(
                Failure::usage("a lake keeps the journals of its exports itself")
                    .help("leave out --journal; runtrail journal LAKE shows them"),
            );
        }
        if args.zstd && args.exporter != ExporterKind::Jsonl {
            return Err(Failure::usage("--zstd compresses JSON Lines only")
                .help("add --exporter jsonl, or leave it out: Parquet is compressed as it is"));
        }
        let path = PathBuf::from(to);
        let ends_in = |endings: &[&str]| {
            endings
                .iter()
                .any(|ending| to.to_ascii_lowercase().ends_with(ending))
        };
        let destination = match args.exporter {
            ExporterKind::Parquet => Self::Lake(path),
            ExporterKind::Json if ends_in(&[".jsonl"]) && !path.is_dir() => Self::TreeFile(path),
            ExporterKind::Json => Self::TreeFolder(path),
            ExporterKind::Jsonl => Self::LinesFolder(path),
            ExporterKind::Otlp | ExporterKind::OtlpJson => Self::SpanFile(path),
        };
        destination.check_kind(ends_in(&FILE_ENDINGS))?;
        destination.check_above()?;
        Ok(destination)
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Lake(path)
            | Self::TreeFolder(path)
            | Self::TreeFile(path)
            | Self::SpanFile(path)
            | Self::LinesFolder(path) => path,
            // What is left over of an export to elsewhere is kept here.
            Self::Receiver(_) => Path::new("otlp"),
        }
    }

    /// Returns where the quarantine file of anything but a lake is: beside the destination.
    pub(crate) fn quarantine(&self) -> PathBuf {
        self.beside(".quarantine.jsonl")
    }

    /// A path beside the destination, named after it.
    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path().file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.path().with_file_name(name)
    }

    /// Returns where the journal of an export to anything but a lake is, unless a folder is named: beside the
    /// destination. `None` where an export makes nothing sure until its end, so that there is nothing to go
    /// on with.
    pub(crate) fn journal(&self) -> Option<PathBuf> {
        matches!(self, Self::TreeFolder(_) | Self::Receiver(_)).then(|| self.beside(".journal"))
    }

    /// Returns the nearest folder that exists, for temporary files on the destination's own disk.
    pub(crate) fn existing_folder(&self) -> &Path {
        let folder = self.path().ancestors().find(|path| path.is_dir());
        folder.unwrap_or(Path::new("."))
    }

    fn check_kind(&self, looks_like_a_file: bool) -> Result<(), Failure> {
        let path = self.path();
        let shown = path.display();
        // One look: another export may make the folder between two.
        let is_folder = std::fs::metadata(path).map(|found| found.is_dir()).ok();
        match self {
            Self::SpanFile(_) if is_folder == Some(true) => {
                Err(Failure::usage(format!("{shown} is a folder"))
                    .help("name a file, such as --to spans.jsonl"))
            }
            Self::TreeFile(_) | Self::Receiver(_) | Self::SpanFile(_) => Ok(()),
            _ if is_folder == Some(true) => Ok(()),
            _ if is_folder == Some(false) => Err(Failure::usage(format!(
                "{shown} is a file; {} is a folder",
                self.noun()
            ))
            .help("name another --to; what is there is left as it is")),
            _ if looks_like_a_file => Err(Failure::usage(format!(
                "{shown} looks like a file; {} is a folder",
                self.noun()
            ))
            .help(self.way_out())),
            _ => Ok(()),
        }
    }

    /// Refuses a place that there cannot be, or where another program would read what is written.
    fn check_above(&self) -> Result<(), Failure> {
        let shown = self.path().display();
        for above in self
            .path()
            .ancestors()
            .skip(1)
            .filter(|above| !above.as_os_str().is_empty())
        {
            if above.is_file() {
                return Err(Failure::usage(format!(
                    "{shown} cannot be: {} is a file",
                    above.display()
                )));
            }
            if above.join("_runtrail").is_dir() {
                return Err(Failure::usage(format!(
                    "{shown} is inside the lake {}",
                    above.display()
                ))
                .help("choose a --to outside: a lake's folders hold its tables alone"));
            }
        }
        Ok(())
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Lake(_) => "a lake",
            Self::TreeFolder(_) => "what the json exporter writes, a file a run,",
            Self::TreeFile(_) | Self::SpanFile(_) | Self::Receiver(_) => "this",
            Self::LinesFolder(_) => "what the jsonl exporter writes",
        }
    }

    fn way_out(&self) -> &'static str {
        match self {
            Self::Lake(_) => "name a folder, or add --exporter json (trees) or jsonl (events)",
            Self::TreeFolder(_) => {
                "name a folder, or a file that ends in .jsonl for one line a run"
            }
            Self::TreeFile(_) | Self::SpanFile(_) | Self::Receiver(_) => "",
            Self::LinesFolder(_) => "name a folder; for one file, runtrail cat SOURCE > FILE.jsonl",
        }
    }

    /// Refuses an export into its own source, which would read back what it wrote.
    pub(crate) fn check_apart(&self, sources: &[String], inputs: &[Input]) -> Result<(), Failure> {
        if matches!(self, Self::Receiver(_)) {
            return Ok(());
        }
        let here = absolute(self.path());
        let shown = self.path().display();
        for source in sources
            .iter()
            .map(Path::new)
            .filter(|source| source.is_dir())
        {
            if here.starts_with(absolute(source)) {
                return Err(Failure::usage(format!(
                    "{shown} is in the source {}",
                    source.display()
                ))
                .help("choose a --to outside: the next export would read what this one writes"));
            }
        }
        for input in inputs {
            let Input::File { path, .. } = input else {
                continue;
            };
            if absolute(path).starts_with(&here) {
                return Err(Failure::usage(format!(
                    "{} is a source and in the destination {shown}",
                    path.display()
                ))
                .help("choose another --to: an export may replace what is there"));
            }
        }
        Ok(())
    }
}

/// Refuses options of a lake where none is written.
fn check_lake_options(args: &ExportArgs) -> Result<(), Failure> {
    let misplaced = [
        (args.tables != Tables::default(), "--tables"),
        (args.partition != Partition::default(), "--partition"),
        (args.replace, "--replace"),
        (
            args.open_runs == Some(OpenRunsArg::Carry),
            "--open-runs carry",
        ),
    ];
    let is_lake = args.exporter == ExporterKind::Parquet;
    match misplaced.iter().find(|(is, _)| *is && !is_lake) {
        Some((_, option)) => Err(Failure::usage(format!(
            "{option} says nothing about what {} writes",
            args.exporter.as_str()
        ))
        .help("add --exporter parquet, or leave it out")),
        None => Ok(()),
    }
}

/// Refuses options of spans where none are made.
fn check_span_options(args: &ExportArgs) -> Result<(), Failure> {
    let sends = args.exporter == ExporterKind::Otlp;
    let maps = sends || args.exporter == ExporterKind::OtlpJson;
    let misplaced = [
        (args.dead_letter.is_some() && !sends, "--dead-letter"),
        (
            args.max_spans_per_second.is_some() && !sends,
            "--max-spans-per-second",
        ),
        (args.content && !maps, "--content"),
        (!args.namespace.is_empty() && !maps, "--namespace"),
    ];
    match misplaced.iter().find(|(is, _)| *is) {
        Some((_, option)) => Err(Failure::usage(format!(
            "{option} says nothing about what {} writes",
            args.exporter.as_str()
        ))
        .help("add --exporter otlp, or leave it out")),
        None => Ok(()),
    }
}

/// The destination as it may be shown: a URL without what may be secret.
pub(crate) fn shown_destination(args: &ExportArgs) -> String {
    let Some((scheme, rest)) = args.to.split_once("://") else {
        return args.to.clone();
    };
    let (rest, _) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').map_or((rest, ""), |(a, p)| (a, p));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let slash = if path.is_empty() { "" } else { "/" };
    format!("{scheme}://{host}{slash}{path}")
}

/// The path from the root, links resolved, as far as it exists.
fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for existing in path.ancestors() {
        if let Ok(resolved) = existing.canonicalize() {
            return match path.strip_prefix(existing) {
                Ok(rest) if rest.as_os_str().is_empty() => resolved,
                Ok(rest) => resolved.join(rest),
                Err(_) => resolved,
            };
        }
    }
    path
}
