//! Telling whether a file is still what it was, and where what was appended to it begins.

use std::collections::BTreeMap;
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

impl FileStart {
    /// Reads the first bytes of a file, on so many threads.
    ///
    /// A file that has fewer is an error of the kind [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    pub fn of(path: &Path, bytes: u64, threads: usize) -> io::Result<Self> {
        let starts = Self::of_each(path, &[bytes], threads)?;
        Ok(starts.first().copied().unwrap_or_default())
    }

    /// Reads the first bytes of a file up to each of these ends, all at once; returns them in the order of
    /// the ends. Errors are as for [`FileStart::of`].
    pub fn of_each(path: &Path, ends: &[u64], threads: usize) -> io::Result<Vec<Self>> {
        let file = File::open(path)?;
        let bytes = ends.iter().copied().max().unwrap_or_default();
        let steps = bytes.div_ceil(STEP);
        let next = AtomicU64::new(0);
        let found = Mutex::new(Vec::with_capacity(steps as usize));
        let read = || {
            let mut buffer = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed) * STEP;
                if at >= bytes {
                    return Ok(());
                }
                let length = (bytes - at).min(STEP) as usize;
                read_exact_at(&file, at, &mut buffer, 0..length)?;
                let step = Step::of(at, &buffer[..length], ends);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.push(step);
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
        let mut steps = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        steps.sort_unstable_by_key(|step| step.at);
        let starts = starts_of(&steps);
        // Of nothing, and of a file's first no bytes, there is no step.
        let start_at = |end| starts.get(end).copied().unwrap_or_default();
        Ok(ends.iter().map(start_at).collect())
    }
}

impl Default for FileStart {
    /// No bytes.
    fn default() -> Self {
        StartBuilder::default().finish()
    }
}

/// Bytes that are read at a time.
const STEP: u64 = BLOCK as u64 * BLOCKS_AT_ONCE;

/// A piece of a file.
struct Step {
    at: u64,
    whole: Piece,
    /// As much of it as is before each end that is in it.
    parts: Vec<Piece>,
}

struct Piece {
    hashes: Vec<u8>,
    bytes: u64,
    lines: u64,
}

impl Step {
    fn of(at: u64, read: &[u8], ends: &[u64]) -> Self {
        let within = |end: &&u64| **end > at && **end - at <= read.len() as u64;
        let ends = ends.iter().filter(within);
        Self {
            at,
            whole: Piece::of(read),
            parts: ends
                .map(|end| Piece::of(&read[..(end - at) as usize]))
                .collect(),
        }
    }
}

impl Piece {
    fn of(bytes: &[u8]) -> Self {
        Self {
            hashes: hashes_of(bytes),
            bytes: bytes.len() as u64,
            lines: count_lines(bytes),
        }
    }
}

/// Returns what is known of the first bytes up to each end, by the ends.
fn starts_of(steps: &[Step]) -> BTreeMap<u64, FileStart> {
    let mut starts = BTreeMap::new();
    let mut so_far = StartBuilder::default();
    for step in steps {
        for part in &step.parts {
            let mut start = so_far.clone();
            start.add(&part.hashes, part.bytes, part.lines);
            let start = start.finish();
            starts.insert(start.bytes, start);
        }
        so_far.add(&step.whole.hashes, step.whole.bytes, step.whole.lines);
    }
    starts
}

/// Puts together what is known of a file's first bytes, piece by piece.
#[derive(Clone)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ends_are_seen_at_once_as_each_is_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let size = 2 * STEP + 12_345;
        let bytes: Vec<u8> = (0..size).map(|at| (at * at % 251) as u8).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        let block = BLOCK as u64;
        let ends = [
            size,
            0,
            1,
            block,
            block + 1,
            STEP - 1,
            STEP,
            STEP + 7,
            2 * STEP,
            size,
        ];
        for threads in [1, 2, 7] {
            let starts = FileStart::of_each(file.path(), &ends, threads).unwrap();
            assert_eq!(starts.len(), ends.len());
            for (start, end) in starts.iter().zip(ends) {
                let first = &bytes[..end as usize];
                let mut alone = StartBuilder::default();
                alone.add(&hashes_of(first), end, count_lines(first));
                assert_eq!(*start, alone.finish(), "{end}");
                assert_eq!(*start, FileStart::of(file.path(), end, threads).unwrap());
            }
        }
        let beyond = FileStart::of_each(file.path(), &[1, size + 1], 2).unwrap_err();
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    }
}
