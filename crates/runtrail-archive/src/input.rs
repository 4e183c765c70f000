//! Opening an input: what it is by its first bytes, and its plain bytes.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::source::Input;

/// How many bytes decide what a file is.
const SNIFF: usize = 4096;
/// Zstandard windows beyond 128 MiB are refused: a frame can ask for gigabytes of memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// What a file is by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text.
    Plain,
    /// Text under gzip.
    Gzip,
    /// Text under Zstandard.
    Zstd,
    /// A Parquet file: a part of a lake, not an archive.
    Parquet,
    /// A tree that Runtrail wrote, not an archive.
    Tree,
    /// Text in UTF-16.
    Utf16,
    /// No text at all.
    Binary,
    /// Nothing.
    Empty,
}

/// The start of every tree that Runtrail writes.
const TREE_MARK: &str = "\"schema\":\"runtrail.tree";

/// Says what the first bytes of a file are.
pub fn sniff(head: &[u8]) -> Format {
    match head {
        [] => Format::Empty,
        [0x1f, 0x8b, ..] => Format::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Format::Zstd,
        [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Format::Utf16,
        _ if head.contains(&0) => Format::Binary,
        _ => {
            let start: String = String::from_utf8_lossy(&head[..head.len().min(64)]).split_whitespace().collect();
            if start.trim_start_matches('{').starts_with(TREE_MARK) { Format::Tree } else { Format::Plain }
        }
    }
}

/// Counts the bytes that were read of an input, as stored.
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Opens an input and says what it is; `bytes_read` counts its stored bytes as they are read.
pub(crate) fn open(input: &Input, bytes_read: &Arc<AtomicU64>) -> io::Result<(Format, Box<dyn Read + Send>)> {
    let raw: Box<dyn Read + Send> = match input {
        Input::File { path, .. } => Box::new(File::open(path)?),
        Input::Stdin => Box::new(io::stdin()),
    };
    let mut raw = Counted { inner: raw, count: Arc::clone(bytes_read) };
    let mut head = Vec::with_capacity(SNIFF);
    raw.by_ref().take(SNIFF as u64).read_to_end(&mut head)?;
    let format = sniff(&head);
    let stored = Cursor::new(head).chain(raw);
    let plain: Box<dyn Read + Send> = match format {
        Format::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 17, stored))),
        Format::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(stored)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        _ => Box::new(stored),
    };
    Ok((format, plain))
}
