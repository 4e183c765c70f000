//! Telling whether a file is still what it was, and where what was appended to it begins.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::str::FromStr;
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

/// Where what is appended to a file of lines begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinesEnd {
    /// The byte after the last line that is complete.
    pub byte: u64,
    /// The number of the line that begins there, from 1.
    pub line: u64,
}

impl Fingerprint {
    /// Reads the first bytes of a file, on so many threads. A file that has fewer is an error of the kind
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    pub fn of(path: &Path, bytes: u64, threads: usize) -> io::Result<Self> {
        Ok(Self::and_lines(path, bytes, threads)?.0)
    }

    /// As [`Fingerprint::of`], and counts the line breaks.
    pub fn and_lines(path: &Path, bytes: u64, threads: usize) -> io::Result<(Self, u64)> {
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
                let hashes = read.chunks(BLOCK).flat_map(hash_of).collect::<Vec<u8>>();
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
        let mut whole = XxHash3_128::new();
        for (_, hashes) in &found {
            whole.write(hashes);
        }
        Ok((Self(whole.finish_128()), lines.into_inner()))
    }
}

fn hash_of(block: &[u8]) -> [u8; 16] {
    XxHash3_128::oneshot(block).to_be_bytes()
}

impl LinesEnd {
    /// Finds the end of the last line that is complete in the first bytes of a file, `lines` line breaks:
    /// they end with one, or with a line that holds a whole JSON value or nothing. `None` where the line
    /// that they end in is longer than `max_line`.
    pub fn find(path: &Path, bytes: u64, lines: u64, max_line: usize) -> io::Result<Option<Self>> {
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
            let byte = if is_whole { bytes } else { from + start as u64 };
            return Ok(Some(Self {
                byte,
                line: lines + 1,
            }));
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The text is not a fingerprint: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 32 hexadecimal digits")]
pub struct NoFingerprint;

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits);
        number.map(Self).ok_or(NoFingerprint)
    }
}
