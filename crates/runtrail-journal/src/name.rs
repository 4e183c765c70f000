//! The names of journals: by name is by time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use runtrail_core::time::Timestamp;

use crate::error::JournalError;

const ENDING: &str = ".jsonl";

/// Where a lake keeps its journals, within its folder.
pub const FOLDER_OF_LAKE: &str = "_runtrail/journal";

/// Puts the name of a journal together: its start to the microsecond, and what tells it from others.
pub(crate) fn name(started: Timestamp, id: u32) -> String {
    let time = started.to_chrono().format("%Y%m%dT%H%M%S%.6fZ");
    format!("{time}-{:06x}{ENDING}", id & 0x00ff_ffff)
}

/// A journal of a folder, not yet read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalFile {
    name: String,
    path: PathBuf,
}

impl JournalFile {
    /// Takes a path; `None` where it is not that of a journal: a name that ends in `.jsonl`.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
        Some(Self {
            name: name.to_owned(),
            path: path.to_owned(),
        })
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name without its ending: the start and the short id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the short id; the whole name where it has another shape.
    pub fn id(&self) -> &str {
        let id = self.name.rsplit_once('-').map(|(_, id)| id);
        id.filter(|id| !id.is_empty()).unwrap_or(&self.name)
    }

    /// Whether a text is the beginning of the name or of the short id.
    pub fn is_named(&self, prefix: &str) -> bool {
        self.name.starts_with(prefix) || self.id().starts_with(prefix)
    }
}

/// Lists the journals of a folder, oldest first; none where there is no folder. Other files are passed over.
pub fn list(folder: impl AsRef<Path>) -> Result<Vec<JournalFile>, JournalError> {
    let folder = folder.as_ref();
    let failed = |source| JournalError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let is_file = entry.file_type().map_err(failed)?.is_file();
        found.extend(JournalFile::of(&entry.path()).filter(|_| is_file));
    }
    found.sort_unstable();
    Ok(found)
}
