//! Opening an input: what it is by its first bytes, and its plain bytes.

mod gzip;
mod zstd;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gzip::Gzip;
use zstd::Zstd;

use crate::source::Input;

/// How many bytes decide what a file is.
const SNIFF: usize = 4096;
/// How many stored bytes of a compressed input are read at a time.
const STORED: usize = 1 << 17;

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
            let start: String = String::from_utf8_lossy(&head[..head.len().min(64)])
                .split_whitespace()
                .collect();
            if start.trim_start_matches('{').starts_with(TREE_MARK) {
                Format::Tree
            } else {
                Format::Plain
            }
        }
    }
}

/// Counts the stored bytes of an input as a decompressor reads them.
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

/// An input's plain bytes.
pub(crate) enum Plain {
    /// A file that is read as it stands; by its own type, so that its bytes go straight to where
    /// they are wanted.
    File(File),
    Other(Box<dyn Read + Send>),
}

impl Plain {
    /// Appends about `want` bytes; fewer only at the end of the input.
    pub(crate) fn read_into(&mut self, bytes: &mut Vec<u8>, want: usize) -> io::Result<usize> {
        match self {
            Self::File(file) => file.take(want as u64).read_to_end(bytes),
            Self::Other(other) => other.take(want as u64).read_to_end(bytes),
        }
    }
}

/// An opened input.
pub(crate) struct Opened {
    pub(crate) format: Format,
    pub(crate) plain: Plain,
    /// Whether reading counts nothing by itself, since stored and plain bytes are the same.
    pub(crate) uncounted: bool,
}

/// Opens an input and says what it is; `bytes_read` counts the stored bytes of compressed ones.
pub(crate) fn open(input: &Input, bytes_read: &Arc<AtomicU64>) -> io::Result<Opened> {
    let Input::File { path, .. } = input else {
        return open_stream(Box::new(io::stdin()), bytes_read);
    };
    let mut file = File::open(path)?;
    let mut head = Vec::with_capacity(SNIFF);
    file.by_ref().take(SNIFF as u64).read_to_end(&mut head)?;
    let format = sniff(&head);
    // A pipe cannot be read from its start again.
    if matches!(format, Format::Plain | Format::Empty) && file.rewind().is_ok() {
        return Ok(Opened {
            format,
            plain: Plain::File(file),
            uncounted: true,
        });
    }
    open_sniffed(head, Box::new(file), bytes_read)
}

/// Returns the size of a file that may be lines of events and can be read from any place; `None`
/// for any other, and for what cannot be opened.
pub(crate) fn lines_file(path: &std::path::Path) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let meta = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let mut head = Vec::with_capacity(SNIFF);
    file.by_ref()
        .take(SNIFF as u64)
        .read_to_end(&mut head)
        .ok()?;
    let start = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head);
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    // Files such as those under /proc have a size of 0 and are not.
    let lines = sniff(&head) == Format::Plain && first != Some(&b'[') && meta.len() > 0;
    lines.then_some(meta.len())
}

fn open_stream(mut raw: Box<dyn Read + Send>, bytes_read: &Arc<AtomicU64>) -> io::Result<Opened> {
    let mut head = Vec::with_capacity(SNIFF);
    raw.by_ref().take(SNIFF as u64).read_to_end(&mut head)?;
    open_sniffed(head, raw, bytes_read)
}

fn open_sniffed(
    head: Vec<u8>,
    raw: Box<dyn Read + Send>,
    bytes_read: &Arc<AtomicU64>,
) -> io::Result<Opened> {
    let format = sniff(&head);
    let stored = Counted {
        inner: Cursor::new(head).chain(raw),
        count: Arc::clone(bytes_read),
    };
    let plain: Box<dyn Read + Send> = match format {
        Format::Gzip => Box::new(Gzip::new(BufReader::with_capacity(STORED, stored))),
        Format::Zstd => Box::new(Zstd::new(BufReader::with_capacity(STORED, stored))?),
        _ => Box::new(stored),
    };
    Ok(Opened {
        format,
        plain: Plain::Other(plain),
        uncounted: false,
    })
}
