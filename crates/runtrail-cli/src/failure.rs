//! Why a command stops: what, where, why, and what to do.

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::Path;

use runtrail_archive::ArchiveError;
use runtrail_core::export::ExportError;
use runtrail_core::printable::Printable;
use runtrail_trigger::{StoreError, StoreErrorKind};

use crate::code::Code;

/// What a command comes to.
pub(crate) type Outcome = Result<Code, Failure>;

/// Why a command stopped, as a person is told.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: Code,
    /// What went wrong and where, one line.
    what: String,
    /// More lines below it, ready to print.
    detail: String,
    /// The errors underneath, outermost first.
    causes: Vec<String>,
    /// What to do.
    help: Option<String>,
}

impl Failure {
    /// Makes a failure; foreign text in `what` is printed harmlessly.
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            detail: String::new(),
            causes: Vec::new(),
            help: None,
        }
    }

    /// The command line is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Code::Usage, what)
    }

    /// A path could not be read or written.
    pub(crate) fn path(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(Code::Io, format!("cannot {doing} {}", path.display())).because(error)
    }

    /// Says what an error says.
    pub(crate) fn of(code: Code, error: &(dyn Error + 'static)) -> Self {
        let failure = Self::new(code, error.to_string());
        match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        }
    }

    /// Adds what else is wrong, to be mended at the same time.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        if let Some(help) = self.help.take() {
            let _ = writeln!(self.detail, "  try: {}", Printable(&help));
        }
        let _ = write!(self.detail, "and: {}", other.render());
        self
    }

    /// Adds an error and those underneath it, and what to do about it where that is known.
    pub(crate) fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            if self.help.is_none() {
                self.help = system_error(cause).and_then(help_for).map(str::to_owned);
            }
            next = cause.source();
        }
        self
    }

    /// Says what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds lines that are ready to print.
    pub(crate) fn detail(mut self, lines: impl Into<String>) -> Self {
        self.detail = lines.into();
        self
    }

    /// Returns the message as it is printed, each line ended.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("{}\n{}", Printable(&self.what), self.detail);
        let mut said = self.what.clone();
        for cause in &self.causes {
            // Wrappers often repeat what they wrap.
            if !said.contains(cause.as_str()) {
                let _ = writeln!(text, "  why: {}", Printable(cause));
                said.push_str(cause);
            }
        }
        if let Some(help) = &self.help {
            let _ = writeln!(text, "  try: {}", Printable(help));
        }
        text
    }
}

/// The kind of a system error, also of one that is only told of: errors lose their type on the way
/// through object stores and encoders, but not their number.
fn system_error(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some(error.kind());
    }
    let text = error.to_string();
    let (number, _) = text.split_once("(os error ")?.1.split_once(')')?;
    Some(io::Error::from_raw_os_error(number.parse().ok()?).kind())
}

/// What a person can do about a failed system call.
fn help_for(error: io::ErrorKind) -> Option<&'static str> {
    match error {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room there or choose another place; then give the same command again")
        }
        io::ErrorKind::PermissionDenied => {
            Some("check the permissions of the path and of the folders above it")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("the file system is read-only: choose another place")
        }
        _ => None,
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        let (code, help) = match &error {
            ArchiveError::NotFound { source_text } => (Code::Io, nearest_file(source_text)),
            ArchiveError::NoMatch { .. } => (
                Code::Io,
                Some(
                    "quote the pattern so that the shell leaves it alone; `**` also searches below"
                        .into(),
                ),
            ),
            ArchiveError::BadPattern { .. } | ArchiveError::UnsupportedUrl { .. } => {
                (Code::Usage, None)
            }
            ArchiveError::Interrupted => (Code::Interrupted, None),
            _ => (Code::Io, None),
        };
        let failure = Self::of(code, &error);
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        Self::of(Code::Io, &error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::of(Code::Io, &error);
        match error.kind() {
            StoreErrorKind::Busy => failure.help("others are writing to the store: try again"),
            StoreErrorKind::NotAStore => {
                failure.help("STORE is the file that an engine records to")
            }
            _ => failure,
        }
    }
}

/// The name in the same folder that is most like one that does not exist.
fn nearest_file(wanted: &str) -> Option<String> {
    let path = Path::new(wanted);
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let name = path.file_name()?.to_string_lossy();
    let entries = std::fs::read_dir(folder)
        .ok()?
        .take(10_000)
        .filter_map(Result::ok);
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let likeness = |other: &String| strsim::jaro_winkler(&name, other);
    let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&nearest) > 0.85)
        .then(|| format!("did you mean {}?", path.with_file_name(nearest).display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let shown = Failure::path("write", Path::new("lake\u{1b}[2J/x"), &full).render();
        assert_eq!(
            shown,
            "cannot write lake\\u{1b}[2J/x\n  why: no storage space\n  \
             try: make room there or choose another place; then give the same command again\n"
        );
    }

    #[test]
    fn a_cause_that_is_part_of_the_message_is_not_said_twice() {
        let error =
            ExportError::permanent("write x: broken").with_source(io::Error::other("broken"));
        assert_eq!(Failure::from(error).render(), "write x: broken\n");
    }
}
