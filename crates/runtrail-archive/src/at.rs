//! Reading a file from any place, on any thread.

use std::fs::File;
use std::io::{self, Read};

/// Reads a file from a place on, without a position that others share.
pub(crate) struct ReadAt<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> ReadAt<'a> {
    pub(crate) fn new(file: &'a File, at: u64) -> Self {
        Self { file, at }
    }
}

impl Read for ReadAt<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(self.file, buf, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(self.file, buf, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Reads so many bytes from a place in a file to a place in a buffer, which grows if it must.
/// What it grows by is set to zero once, not before every reading.
pub(crate) fn read_exact_at(
    file: &File,
    at: u64,
    buffer: &mut Vec<u8>,
    range: std::ops::Range<usize>,
) -> io::Result<()> {
    if buffer.len() < range.end {
        buffer.resize(range.end, 0);
    }
    ReadAt::new(file, at).read_exact(&mut buffer[range])
}
