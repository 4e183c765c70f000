//! What every exporter that writes below a folder must do.
//!
//! The suite exports streams into folders of its own and compares what stands there afterwards,
//! byte for byte. It knows nothing of the format, so it fits any exporter:
//!
//! ```
//! # use std::{fs, path::{Path, PathBuf}, time::Instant};
//! # use runtrail_core::export::{Batch, ExportError, Exporter};
//! # use runtrail_core::wire::write_event;
//! # struct OneFile { dest: PathBuf, lines: String }
//! # impl OneFile {
//! #     fn new(dest: &Path) -> Self { Self { dest: dest.into(), lines: String::new() } }
//! # }
//! # impl Exporter for OneFile {
//! #     fn name(&self) -> &'static str { "one-file" }
//! #     fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
//! #         for event in batch.events() { write_event(event, &mut self.lines); self.lines.push('\n'); }
//! #         Ok(())
//! #     }
//! #     fn flush(&mut self, _: Instant) -> Result<(), ExportError> { Ok(()) }
//! #     fn close(self: Box<Self>, _: Instant) -> Result<(), ExportError> {
//! #         if self.lines.is_empty() { return Ok(()) }
//! #         fs::create_dir_all(&self.dest).and_then(|()| fs::write(self.dest.join("events.jsonl"), self.lines))
//! #             .map_err(|e| ExportError::permanent("cannot write").with_source(e))
//! #     }
//! # }
//! use runtrail_testkit::conformance;
//!
//! conformance::check(|dest| Box::new(OneFile::new(dest)));
//! ```
//!
//! What it asks for
//! - The name is not empty and never changes.
//! - Closing without an event, and a batch without an event, are nothing special.
//! - The files are the same for any split of a stream into batches.
//! - Exporting the same again over the existing files changes nothing.
//! - A flush ends nothing and changes nothing of the result.
//! - A run that is open at the close is written as if it had ended there.
//! - A file is seen only whole; files and folders whose names begin with `.` or `_` are exempt.
//! - An export that is killed leaves nothing that the same export, run again, does not put right.
//! - No temporary files stay behind, and nothing is written outside the folder.
//! - No two names differ only in case.

mod checks;
mod folder;
mod sample;

use std::error::Error;
use std::fmt::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, ExportError, Exporter};

use folder::{Files, Folder};

/// Exports may take this long to flush and to close.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the suite on the exporters that a function makes, each for a folder that may not exist yet.
///
/// # Panics
///
/// Where the exporter fails a check; the message says which and how.
pub fn check(make: impl Fn(&Path) -> Box<dyn Exporter>) {
    Suite::new(make).check();
}

/// The suite for one kind of exporter.
pub struct Suite<F> {
    make: F,
    truncated: Option<Box<Reader>>,
}

/// Whether the files in a folder say that a run was truncated.
type Reader = dyn Fn(&Path, &str) -> bool;

/// A check that an exporter failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exporter's name.
    pub exporter: String,
    /// What was expected of it.
    pub expected: &'static str,
    /// What happened instead.
    pub found: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exporter `{}` does not conform: {}\n  {}",
            self.exporter, self.expected, self.found
        )
    }
}

impl Error for Failure {}

impl<F: Fn(&Path) -> Box<dyn Exporter>> Suite<F> {
    /// Makes the suite for the exporters that a function makes.
    pub fn new(make: F) -> Self {
        Self {
            make,
            truncated: None,
        }
    }

    /// Adds a reader that tells whether the files in a folder say that a run was truncated; the
    /// suite then asks it about a run whose op and group were open at the close.
    pub fn truncated_by(mut self, reader: impl Fn(&Path, &str) -> bool + 'static) -> Self {
        self.truncated = Some(Box::new(reader));
        self
    }

    /// Runs the suite.
    ///
    /// # Panics
    ///
    /// Where the exporter fails a check; the message says which and how.
    #[expect(clippy::panic, reason = "this is an assertion")]
    pub fn check(&self) {
        if let Err(failure) = self.run() {
            panic!("{failure}");
        }
    }

    /// Runs the suite and returns the first failed check.
    pub fn run(&self) -> Result<(), Failure> {
        let nowhere = |found| Failure {
            exporter: "?".to_owned(),
            expected: "a temporary folder",
            found,
        };
        let folder = Folder::new().map_err(nowhere)?;
        let exporter = (self.make)(folder.dest()).name().to_owned();
        for (expected, check) in Self::checks() {
            check(self).map_err(|found| Failure {
                exporter: exporter.clone(),
                expected,
                found,
            })?;
        }
        Ok(())
    }

    /// Exports batches to a folder and closes.
    fn export(&self, folder: &Folder, batches: &[Batch]) -> Result<Files, String> {
        self.export_watched(folder, batches, |_, _| Ok(()))
    }

    /// As [`Suite::export`], looking at the exporter after every batch.
    fn export_watched(
        &self,
        folder: &Folder,
        batches: &[Batch],
        mut after_batch: impl FnMut(usize, &mut dyn Exporter) -> Result<(), String>,
    ) -> Result<Files, String> {
        let mut exporter = (self.make)(folder.dest());
        for (index, batch) in batches.iter().enumerate() {
            exporter
                .export(batch)
                .map_err(|error| said(&format!("batch {index}"), &error))?;
            after_batch(index, &mut *exporter)?;
        }
        exporter
            .close(deadline())
            .map_err(|error| said("close", &error))?;
        folder.nothing_beside()?;
        folder.files()
    }
}

fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

fn said(doing: &str, error: &ExportError) -> String {
    let mut text = format!("{doing} failed: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// The streams that the suite exports: one made by hand, and some that are generated, the same
/// every time.
fn streams() -> Vec<Vec<TraceEvent>> {
    let mut streams = vec![sample::stream()];
    streams.extend(sample::generated());
    streams
}
