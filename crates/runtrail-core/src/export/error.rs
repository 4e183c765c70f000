//! Why an export failed, and what the caller can do.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What the caller can do about a failed export.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportErrorKind {
    /// Try again, after a delay where one is stated.
    Retry {
        /// How long the destination asked to wait.
        after: Option<Duration>,
    },
    /// Trying again will not help.
    Permanent,
    /// It may have happened: look before trying again.
    Unknown,
    /// Some events were refused; the others were taken.
    Rejected(Vec<Rejection>),
}

/// One event that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The event's position in its batch.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// A failed export.
#[derive(Debug)]
pub struct ExportError {
    kind: ExportErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ExportError {
    /// Makes an error; the message says what was being done and to what.
    pub fn new(kind: ExportErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Makes an error that trying again will not mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ExportErrorKind::Permanent, message)
    }

    /// Adds the error underneath.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns what the caller can do.
    pub fn kind(&self) -> &ExportErrorKind {
        &self.kind
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Says an error with all that are underneath it, the one that was found first at the end.
pub fn in_full(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said.push_str(": ");
        said.push_str(&cause.to_string());
        source = cause.source();
    }
    said
}
