//! One file of events in the making.

use std::io::{self, Write};
use std::path::PathBuf;

use runtrail_core::export::ExportError;
use runtrail_core::time::Timestamp;

use super::EventFile;
use crate::whole::{WholeFile, failed};

/// What is written at once. A compressor is fed in exactly these pieces, so that its output does
/// not depend on when a flush came.
const BLOCK: usize = 128 << 10;

/// A file of events in the making.
#[derive(Debug)]
pub(super) struct Part {
    out: Out,
    target: PathBuf,
    pending: Vec<u8>,
    bytes: u64,
    events: u64,
    times: Option<(Timestamp, Timestamp)>,
}

enum Out {
    Plain(WholeFile),
    Zstd(zstd::Encoder<'static, WholeFile>),
}

impl Part {
    pub(super) fn begin(file: WholeFile, zstd_level: Option<i32>) -> Result<Self, ExportError> {
        let target = file.target().to_owned();
        let out = match zstd_level {
            None => Out::Plain(file),
            Some(level) => {
                Out::Zstd(encoder(file, level).map_err(|e| failed("compress", &target, e))?)
            }
        };
        Ok(Self {
            out,
            target,
            pending: Vec::with_capacity(2 * BLOCK),
            bytes: 0,
            events: 0,
            times: None,
        })
    }

    /// Returns the bytes so far, before compression.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the milliseconds that the file would cover with an event of that time.
    pub(super) fn millis_with(&self, at: Timestamp) -> f64 {
        let (first, last) = self.times.unwrap_or((at, at));
        last.max(at).millis_since(first.min(at))
    }

    pub(super) fn write(&mut self, line: &str, at: Timestamp) -> Result<(), ExportError> {
        self.pending.extend_from_slice(line.as_bytes());
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
        self.bytes += line.len() as u64;
        self.events += 1;
        let whole = self.pending.len() - self.pending.len() % BLOCK;
        self.write_pending(whole)
    }

    /// Makes what is outside the compressor durable.
    pub(super) fn flush(&mut self) -> Result<(), ExportError> {
        if matches!(self.out, Out::Plain(_)) {
            self.write_pending(self.pending.len())?;
        }
        self.out.file().sync()
    }

    /// Completes the file, puts it in its place and says what it came to.
    pub(super) fn finish(mut self) -> Result<EventFile, ExportError> {
        self.write_pending(self.pending.len())?;
        let failed = |error| failed("write", &self.target, error);
        let file = match self.out {
            Out::Plain(file) => file,
            Out::Zstd(encoder) => encoder.finish().map_err(failed)?,
        };
        let bytes = file.len().map_err(failed)?;
        file.finish()?;
        Ok(EventFile {
            path: self.target,
            events: self.events,
            bytes,
        })
    }

    fn write_pending(&mut self, until: usize) -> Result<(), ExportError> {
        for block in self.pending[..until].chunks(BLOCK) {
            self.out
                .write_all(block)
                .map_err(|e| failed("write", &self.target, e))?;
        }
        self.pending.drain(..until);
        Ok(())
    }
}

fn encoder(file: WholeFile, level: i32) -> io::Result<zstd::Encoder<'static, WholeFile>> {
    let mut encoder = zstd::Encoder::new(file, level)?;
    // A reader notices a file that was damaged on its way.
    encoder.include_checksum(true)?;
    Ok(encoder)
}

impl Out {
    fn file(&self) -> &WholeFile {
        match self {
            Self::Plain(file) => file,
            Self::Zstd(encoder) => encoder.get_ref(),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = if matches!(self, Self::Plain(_)) {
            "Plain"
        } else {
            "Zstd"
        };
        f.debug_tuple(name).field(self.file()).finish()
    }
}
