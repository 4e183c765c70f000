//! Temporary files of sorted events.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use runtrail_core::event::TraceEvent;

use super::frame::{FrameBuilder, read_frame};
use super::temp_file;

/// A temporary file of sorted events; it has no name and vanishes when it is closed.
#[derive(Debug)]
pub(super) struct SpillFile {
    file: File,
}

/// Writes sorted events to a temporary file.
pub(super) struct SpillWriter {
    file: File,
    frame: FrameBuilder,
}

impl SpillWriter {
    pub(super) fn create(dir: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            file: temp_file(dir)?,
            frame: FrameBuilder::default(),
        })
    }

    pub(super) fn push(&mut self, event: &TraceEvent) -> io::Result<()> {
        if self.frame.is_full() {
            self.write_frame()?;
        }
        self.frame.push(event);
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<SpillFile> {
        self.write_frame()?;
        Ok(SpillFile { file: self.file })
    }

    fn write_frame(&mut self) -> io::Result<()> {
        if !self.frame.is_empty() {
            for part in self.frame.finish() {
                self.file.write_all(part)?;
            }
            self.frame.clear();
        }
        Ok(())
    }
}

impl SpillFile {
    /// Reads the file from its start.
    pub(super) fn read(mut self) -> io::Result<SpillCursor> {
        self.file.rewind()?;
        Ok(SpillCursor {
            file: self.file,
            events: Vec::new().into_iter(),
        })
    }
}

/// Reads a temporary file frame by frame.
pub(super) struct SpillCursor {
    file: File,
    events: std::vec::IntoIter<TraceEvent>,
}

impl SpillCursor {
    pub(super) fn next_event(&mut self) -> io::Result<Option<TraceEvent>> {
        if let Some(event) = self.events.next() {
            return Ok(Some(event));
        }
        let mut head = [0; 8];
        match self.file.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        self.events = read_frame(&mut self.file, head)?.into_iter();
        Ok(self.events.next())
    }
}
