//! What stops reading altogether; what stops a line is a [`Reject`](crate::Reject).

use std::io;
use std::path::PathBuf;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A source names nothing that exists.
    #[error("{source_text}: no such file or folder")]
    NotFound {
        /// The source as it was given.
        source_text: String,
    },
    /// A glob matches nothing.
    #[error("{pattern}: no file matches")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// A glob is not a pattern.
    #[error("{pattern}: not a pattern")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// Why.
        source: globset::Error,
    },
    /// A source is a kind of URL that this build does not read.
    #[error("{url}: cannot read this kind of URL; copy the files here first")]
    UnsupportedUrl {
        /// The URL.
        url: String,
    },
    /// A file or folder cannot be listed.
    #[error("{path}: cannot be listed")]
    List {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A temporary file cannot be written or read back; the disk may be full.
    #[error("cannot use temporary space in {dir}")]
    Temp {
        /// The folder that the temporary files are in.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The caller's sink for rejects failed.
    #[error("cannot write the quarantine file {path}")]
    Quarantine {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A store of another kind cannot be opened.
    #[error("{name} cannot be opened")]
    Store {
        /// The store's name.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The caller's sink takes no rejects.
    #[error("stopped at something that is not an event")]
    Refused,
    /// A file did not hold what it held, or seemed to hold, when it was first looked at. Reading
    /// the archive again [carefully](crate::Archive::careful) tells which: if it fails again, the
    /// file is being changed.
    #[error("a source is being changed while it is read; export it when it is complete")]
    Changed,
    /// A thread ended without a result.
    #[error("a thread panicked")]
    ThreadLost,
    /// Reading was interrupted by the caller.
    #[error("interrupted")]
    Interrupted,
}
