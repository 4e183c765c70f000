//! What becomes of what is not an event: quarantine, or the end of the export.

use std::cell::RefCell;
use std::path::PathBuf;

use runtrail_archive::{ArchiveError, QuarantineFile, Reject};

use crate::args::OnBadLine;
use crate::code::Code;
use crate::excerpt;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Takes rejects while an archive is read.
pub(super) struct Rejects {
    on_bad_line: OnBadLine,
    quarantine: RefCell<Option<QuarantineFile>>,
    refused: RefCell<Option<Reject>>,
}

impl Rejects {
    /// Prepares to do as the user wishes.
    pub(super) fn new(on_bad_line: OnBadLine) -> Self {
        Self {
            on_bad_line,
            quarantine: RefCell::default(),
            refused: RefCell::default(),
        }
    }

    /// Names the file that rejects are kept in until the export is done.
    pub(super) fn keep_in(&self, staged: PathBuf) {
        self.quarantine.replace(Some(QuarantineFile::new(staged)));
    }

    /// Takes a reject; an error stops reading.
    pub(super) fn take(&self, reject: &Reject) -> Result<(), ArchiveError> {
        if self.on_bad_line == OnBadLine::Fail {
            self.refused.replace(Some(reject.clone()));
            return Err(ArchiveError::Refused);
        }
        let mut quarantine = self.quarantine.borrow_mut();
        let Some(file) = quarantine.as_mut() else {
            return Ok(());
        };
        file.push(reject)
            .map_err(|source| ArchiveError::Quarantine {
                path: file.path().to_owned(),
                source,
            })
    }

    /// Completes the file; `None` where there was nothing to keep.
    pub(super) fn finish(&self) -> Result<Option<PathBuf>, Failure> {
        let mut quarantine = self.quarantine.borrow_mut();
        let Some(file) = quarantine.as_mut() else {
            return Ok(None);
        };
        match file.finish() {
            Ok(true) => Ok(Some(file.path().to_owned())),
            Ok(false) => Ok(None),
            Err(error) => Err(Failure::path("write", file.path(), &error)),
        }
    }

    /// Says which line stopped the export and what to do; `None` where none did.
    pub(super) fn refusal(&self, terminal: Terminal) -> Option<Failure> {
        let refused = self.refused.borrow();
        let reject = refused.as_ref()?;
        let mark = if terminal.unicode { "…" } else { "..." };
        let failure = Failure::new(
            Code::Io,
            format!("{}: {}", excerpt::place(reject), reject.reason),
        );
        let failure = failure.detail(excerpt::excerpt(reject, terminal.columns, mark));
        Some(failure.help("mend it, or leave out --on-bad-line fail: such lines are then kept in a quarantine file"))
    }
}

impl Drop for Rejects {
    /// An export that failed leaves no file of rejects behind; one that was published is gone from here.
    fn drop(&mut self) {
        if let Some(file) = self.quarantine.get_mut() {
            let _ = std::fs::remove_file(file.path());
        }
    }
}
