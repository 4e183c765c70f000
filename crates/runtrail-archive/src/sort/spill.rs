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

/// Writes a sorted stream to a temporary file.
pub(super) fn write(
    dir: Option<&Path>,
    mut next: impl FnMut() -> io::Result<Option<TraceEvent>>,
) -> io::Result<SpillFile> {
    let mut file = temp_file(dir)?;
    let mut frame = FrameBuilder::default();
    while let Some(event) = next()? {
        if frame.is_full() {
            file.write_all(frame.finish())?;
            frame.clear();
        }
        frame.push(&event);
    }
    if !frame.is_empty() {
        file.write_all(frame.finish())?;
    }
    Ok(SpillFile { file })
}

impl SpillFile {
    /// Reads the file from its start.
    pub(super) fn read(mut self) -> io::Result<SpillCursor> {
        self.file.rewind()?;
        Ok(SpillCursor { file: self.file, events: Vec::new().into_iter() })
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
