//! Why a lake cannot be written.

use std::io;
use std::path::PathBuf;

use runtrail_core::export::{ExportError, ExportErrorKind};

/// Why a lake cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// The destination is a file.
    #[error("{path} is a file; a lake is a folder")]
    NotAFolder {
        /// The destination.
        path: PathBuf,
    },
    /// The memory setting is below the minimum.
    #[error("{given} bytes of memory are too few to write a lake; at least {MIN} are needed", MIN = crate::MIN_MEMORY)]
    TooLittleMemory {
        /// The setting.
        given: usize,
    },
    /// A file or folder cannot be written; the disk may be full.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An object store refused something.
    #[error("cannot write {key} to the object store")]
    Store {
        /// The key.
        key: String,
        /// Why.
        source: object_store::Error,
    },
    /// Rows cannot be encoded.
    #[error("cannot encode the table {table}")]
    Encode {
        /// The table.
        table: &'static str,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// A temporary file with waiting rows cannot be written or read back; the disk may be full.
    #[error("cannot use temporary space in {path}")]
    Temp {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What the lake holds already, and this export changes, cannot be read.
    #[error("cannot read what the lake holds")]
    Existing(#[from] LakeReadError),
    /// An encoding thread ended without a result.
    #[error("an encoding thread panicked")]
    ThreadLost,
}

impl From<LakeError> for ExportError {
    fn from(error: LakeError) -> Self {
        let kind = match &error {
            LakeError::Store { .. } => ExportErrorKind::Unknown,
            _ => ExportErrorKind::Permanent,
        };
        let message = error.to_string();
        ExportError::new(kind, message).with_source(Inner(error))
    }
}

/// Carries a [`LakeError`] beneath an [`ExportError`] that already shows its message.
#[derive(Debug)]
struct Inner(LakeError);

impl std::fmt::Display for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match std::error::Error::source(&self.0) {
            Some(source) => std::fmt::Display::fmt(source, f),
            None => f.write_str("no further cause"),
        }
    }
}

impl std::error::Error for Inner {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0).and_then(std::error::Error::source)
    }
}

/// Why a lake, or a part of one, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeReadError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A part is damaged.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The part, within the lake.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// A part is of a form that this version does not know.
    #[error("{path} is not a table that this version reads: {what}")]
    Form {
        /// The part, within the lake.
        path: String,
        /// What it is or lacks.
        what: String,
    },
}

impl LakeReadError {
    pub(crate) fn io(path: &std::path::Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn damaged(path: &str, what: impl std::fmt::Display) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }

    /// Returns the part or the path that it speaks of.
    pub fn place(&self) -> String {
        match self {
            Self::Io { path, .. } => path.display().to_string(),
            Self::Damaged { path, .. } | Self::Form { path, .. } => path.clone(),
        }
    }

    /// Returns the reason without the place.
    pub fn reason(&self) -> String {
        match self {
            Self::Io { source, .. } => source.to_string(),
            Self::Damaged { what, .. } => format!("damaged: {what}"),
            Self::Form { what, .. } => format!("not a table that this version reads: {what}"),
        }
    }
}
