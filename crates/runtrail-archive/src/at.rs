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

    /// Appends up to `len` bytes; fewer only at the end of the file.
    pub(crate) fn append(&mut self, bytes: &mut Vec<u8>, len: usize) -> io::Result<usize> {
        bytes.reserve_exact(len);
        self.by_ref().take(len as u64).read_to_end(bytes)
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
