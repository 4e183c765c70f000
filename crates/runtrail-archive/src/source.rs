//! What a source names: a file, a folder, a glob, a `file://` URL or standard input.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::GlobBuilder;
use walkdir::WalkDir;

use crate::error::ArchiveError;
use crate::store::{EventStore, OpenStore};

/// The folder in a lake that is neither an archive nor a table: its log, journals and quarantine.
const OWN: &str = "_runtrail";

/// A part of a file that is read as if it were all of it. What comes after it, such as what is appended
/// meanwhile, is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The byte that it begins with, from 0: the first of a line.
    pub from: u64,
    /// The byte that comes after it.
    pub until: u64,
    /// The number of the line that it begins with, from 1.
    pub line: u64,
}

impl Extent {
    /// A file's first bytes.
    pub fn first(until: u64) -> Self {
        Self {
            from: 0,
            until,
            line: 1,
        }
    }

    /// Returns how many bytes it has.
    pub fn bytes(&self) -> u64 {
        self.until.saturating_sub(self.from)
    }
}

/// One input to read.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// Its size in bytes when it was listed.
        size: u64,
        /// Whether it was named itself, rather than found in a folder.
        named: bool,
        /// The part of it to read; `None` for all that there is when it is read.
        extent: Option<Extent>,
    },
    /// Standard input.
    Stdin,
    /// Something that holds events in another form, such as a lake.
    Store(Arc<dyn EventStore>),
}

impl Input {
    /// Returns the name to show: the path, or `-`.
    pub fn name(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
            Self::Store(store) => store.name(),
        }
    }

    /// Returns the byte and the line that it begins with.
    pub(crate) fn start(&self) -> (u64, u64) {
        match self {
            Self::File {
                extent: Some(extent),
                ..
            } => (extent.from, extent.line),
            _ => (0, 1),
        }
    }

    /// Returns the size in bytes of what is read; 0 where it is not known.
    pub fn size(&self) -> u64 {
        match self {
            Self::File {
                extent: Some(extent),
                ..
            } => extent.bytes(),
            Self::File { size, .. } => *size,
            Self::Stdin => 0,
            Self::Store(store) => store.size(),
        }
    }
}

/// The inputs that a list of sources names, each once, in the order of sources and then of paths.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The inputs.
    pub inputs: Vec<Input>,
    /// Lakes that were found in folders and left out: they hold tables, not archives.
    pub skipped_lakes: Vec<PathBuf>,
}

/// Finds what the sources name.
///
/// A folder stands for all files below it, in the order of their paths; hidden files and folders
/// and lakes are left out, and so are links to a folder that they are in. A source with `*`, `?`, `[` or `{` that is not the name of a file is a
/// glob: `*` stays within one folder, `**` does not. A glob matches nothing in the `_runtrail` folder of a
/// lake, unless it names that folder.
pub fn resolve<S: AsRef<str>>(sources: &[S]) -> Result<Sources, ArchiveError> {
    resolve_with(sources, &|_| Ok(None))
}

/// Finds what the sources name, as [`resolve`] does, where a folder that a source itself names may
/// be a store. Stores below such a folder are left out like the lakes that they are: what a folder
/// holds twice, once as files and once as tables, would be read twice.
pub fn resolve_with<S: AsRef<str>>(
    sources: &[S],
    open: &OpenStore<'_>,
) -> Result<Sources, ArchiveError> {
    let mut found = Sources::default();
    for source in sources {
        resolve_one(source.as_ref(), open, &mut found)?;
    }
    let mut seen = std::collections::HashSet::new();
    found.inputs.retain(|input| seen.insert(input.name()));
    Ok(found)
}

fn resolve_one(
    source: &str,
    open: &OpenStore<'_>,
    found: &mut Sources,
) -> Result<(), ArchiveError> {
    if source == "-" {
        found.inputs.push(Input::Stdin);
        return Ok(());
    }
    let source = match source.split_once("://") {
        Some(("file", path)) => path.strip_prefix("localhost").unwrap_or(path),
        Some(_) => {
            return Err(ArchiveError::UnsupportedUrl {
                url: source.to_owned(),
            });
        }
        None => source,
    };
    let path = Path::new(source);
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => folder(path, open, found),
        Ok(meta) => {
            found.inputs.push(Input::File {
                path: path.to_owned(),
                size: meta.len(),
                named: true,
                extent: None,
            });
            Ok(())
        }
        Err(_) if source.contains(['*', '?', '[', '{']) => glob(source, open, found),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(ArchiveError::NotFound {
            source_text: source.to_owned(),
        }),
        Err(e) => Err(ArchiveError::List {
            path: path.to_owned(),
            source: e,
        }),
    }
}

/// A folder that is named: a store, or all that is below it.
fn folder(path: &Path, open: &OpenStore<'_>, found: &mut Sources) -> Result<(), ArchiveError> {
    match open(path)? {
        Some(store) => found.inputs.push(Input::Store(store)),
        None => walk(path, found)?,
    }
    Ok(())
}

fn walk(root: &Path, found: &mut Sources) -> Result<(), ArchiveError> {
    let mut lakes = Vec::new();
    let entries = WalkDir::new(root)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| {
            if entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.') {
                return false;
            }
            let is_lake = entry.file_type().is_dir() && entry.path().join(OWN).is_dir();
            if is_lake {
                lakes.push(entry.path().to_owned());
            }
            !is_lake
        });
    for entry in entries {
        // What a link leads back to is walked through already.
        if entry.as_ref().is_err_and(|e| e.loop_ancestor().is_some()) {
            continue;
        }
        let entry = entry.map_err(|e| {
            let path = e.path().unwrap_or(root).to_owned();
            ArchiveError::List {
                path,
                source: e.into(),
            }
        })?;
        if entry.file_type().is_file() {
            let size = entry.metadata().map_or(0, |meta| meta.len());
            found.inputs.push(Input::File {
                path: entry.into_path(),
                size,
                named: false,
                extent: None,
            });
        }
    }
    found.skipped_lakes.append(&mut lakes);
    Ok(())
}

fn glob(pattern: &str, open: &OpenStore<'_>, found: &mut Sources) -> Result<(), ArchiveError> {
    let matcher = GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|source| ArchiveError::BadPattern {
            pattern: pattern.to_owned(),
            source,
        })?
        .compile_matcher();
    let mut below = Sources::default();
    for entry in WalkDir::new(fixed_part(pattern))
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| pattern.contains(OWN) || entry.file_name() != OWN)
        .flatten()
    {
        // A pattern without a leading folder is below against `a.jsonl`, not `./a.jsonl`.
        let path = entry.path().strip_prefix("./").unwrap_or(entry.path());
        if !matcher.is_match(path) {
            continue;
        }
        if entry.file_type().is_dir() {
            folder(path, open, &mut below)?;
        } else {
            let size = entry.metadata().map_or(0, |meta| meta.len());
            below.inputs.push(Input::File {
                path: path.to_owned(),
                size,
                named: true,
                extent: None,
            });
        }
    }
    if below.inputs.is_empty() {
        return Err(ArchiveError::NoMatch {
            pattern: pattern.to_owned(),
        });
    }
    found.inputs.append(&mut below.inputs);
    found.skipped_lakes.append(&mut below.skipped_lakes);
    Ok(())
}

/// The folder that a pattern's wildcards begin below.
fn fixed_part(pattern: &str) -> PathBuf {
    let wild = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    match pattern[..wild].rfind('/') {
        Some(0) => PathBuf::from("/"),
        Some(slash) => PathBuf::from(&pattern[..slash]),
        None => PathBuf::from("."),
    }
}
