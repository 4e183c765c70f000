//! Telling whether a file is still what it was, and where what was appended to it begins.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use twox_hash::XxHash3_128;

use crate::at::read_exact_at;
use crate::chunk::count_lines;

/// Bytes that are hashed at a time. The number is part of the hash.
const BLOCK: usize = 64 << 10;
/// Blocks that are read at a time.
const BLOCKS_AT_ONCE: u64 = 16;

/// What the first bytes of a file are: XXH3-128 over the XXH3-128 of every 64 KiB of them.
///
/// It tells a file that changed from one that did not. It is no proof against somebody who wants two files
/// to have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u128);

/// What is known of the first bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStart {
    /// How many bytes these are.
    pub bytes: u64,
    /// What they are.
    pub fingerprint: Fingerprint,
    /// The line breaks among them.
    pub lines: u64,
}

impl Fingerprint {
    /// Reads the first bytes of a file, on so many threads. A file that has fewer is an error of the kind
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    pub fn of(path: &Path, bytes: u64, threads: usize) -> io::Result<Self> {
        Ok(FileStart::of(path, bytes, threads)?.fingerprint)
    }
}

impl FileStart {
    /// Reads the first bytes of a file, as [`Fingerprint::of`] does.
    pub fn of(path: &Path, bytes: u64, threads: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        let step = BLOCK as u64 * BLOCKS_AT_ONCE;
        let steps = bytes.div_ceil(step);
        let (next, lines) = (AtomicU64::new(0), AtomicU64::new(0));
        let found = Mutex::new(Vec::with_capacity(steps as usize));
        let read = || {
            let mut buffer = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= steps {
                    return Ok(());
                }
                let length = (bytes - at * step).min(step) as usize;
                read_exact_at(&file, at * step, &mut buffer, 0..length)?;
                let read = &buffer[..length];
                lines.fetch_add(count_lines(read), Ordering::Relaxed);
                let hashes = hashes_of(read);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.push((at, hashes));
            }
        };
        let threads = threads.clamp(1, usize::try_from(steps).unwrap_or(usize::MAX).max(1));
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(read)).collect();
            let others = others.into_iter().map(|other| {
                let gone = || Err(io::Error::other("a thread that read the file panicked"));
                other.join().unwrap_or_else(|_| gone())
            });
            // Joined one by one, an error of the first would leave others unheard.
            std::iter::once(read()).chain(others).collect::<Vec<_>>()
        })
        .into_iter()
        .collect::<io::Result<()>>()?;
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_unstable();
        let mut start = StartBuilder::default();
        for (_, hashes) in &found {
            start.add(hashes, 0, 0);
        }
        start.add(&[], bytes, lines.into_inner());
        Ok(start.finish())
    }
}

/// Puts together what is known of a file's first bytes, piece by piece.
pub(crate) struct StartBuilder {
    hash: XxHash3_128,
    bytes: u64,
    lines: u64,
}

impl Default for StartBuilder {
    fn default() -> Self {
        Self {
            hash: XxHash3_128::new(),
            bytes: 0,
            lines: 0,
        }
    }
}

impl StartBuilder {
    /// Adds the next piece, by its [hashes](hashes_of).
    pub(crate) fn add(&mut self, hashes: &[u8], bytes: u64, lines: u64) {
        self.hash.write(hashes);
        self.bytes += bytes;
        self.lines += lines;
    }

    pub(crate) fn finish(&self) -> FileStart {
        FileStart {
            bytes: self.bytes,
            fingerprint: Fingerprint(self.hash.finish_128()),
            lines: self.lines,
        }
    }
}

/// Whether pieces of so many bytes, but for the last, can be hashed one by one.
pub(crate) fn is_whole_blocks(bytes: u64) -> bool {
    bytes.is_multiple_of(BLOCK as u64)
}

/// The hashes of the blocks of a piece.
pub(crate) fn hashes_of(piece: &[u8]) -> Vec<u8> {
    let blocks = piece.chunks(BLOCK);
    blocks
        .flat_map(|block| XxHash3_128::oneshot(block).to_be_bytes())
        .collect()
}

/// Finds where what is appended to a file of lines begins: the end of the last line that is complete in
/// its first bytes. They end with one, or with a line that holds a whole JSON value or nothing. `None`
/// where the line that they end in is longer than `max_line`.
pub fn end_of_lines(path: &Path, bytes: u64, max_line: usize) -> io::Result<Option<u64>> {
    let file = File::open(path)?;
    let mut rest = Vec::new();
    let mut wanted = BLOCK as u64;
    loop {
        let from = bytes.saturating_sub(wanted);
        let length = (bytes - from) as usize;
        rest.clear();
        read_exact_at(&file, from, &mut rest, 0..length)?;
        let line = memchr::memrchr(b'\n', &rest[..length]).map(|at| at + 1);
        let Some(start) = line.or((from == 0).then_some(0)) else {
            if length > max_line {
                return Ok(None);
            }
            wanted *= 4;
            continue;
        };
        let unfinished = &rest[start..length];
        let is_whole = unfinished.trim_ascii().is_empty()
            || serde_json::from_slice::<serde::de::IgnoredAny>(unfinished).is_ok();
        return Ok(Some(if is_whole { bytes } else { from + start as u64 }));
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
