//! Why a journal cannot be written or read.

use std::io;
use std::path::PathBuf;

/// Why a journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file, or the folder that it is to be in, cannot be written.
    #[error("cannot write the journal {}", path.display())]
    Write {
        /// The file or the folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file, or the folder, cannot be read.
    #[error("cannot read the journal {}", path.display())]
    Read {
        /// The file or the folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An entry is longer than a line may be, and was not written.
    #[error("the entry {entry} has {bytes} bytes, and a journal's line may have {limit}")]
    TooLong {
        /// The entry's name.
        entry: String,
        /// Its length.
        bytes: usize,
        /// What a line may have.
        limit: usize,
    },
    /// An entry cannot be put as JSON, such as one of another version, and was not written.
    #[error("the entry {entry} cannot be written")]
    Entry {
        /// The entry's name.
        entry: String,
        /// Why.
        source: serde_json::Error,
    },
}
