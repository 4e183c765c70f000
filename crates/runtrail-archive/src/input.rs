//! Opening an input: what it is by its first bytes, and its plain bytes.

mod gzip;
mod zstd;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gzip::Gzip;
use zstd::Zstd;

use crate::source::{Extent, Input};

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
    /// What Runtrail put in quarantine: lines that are no events.
    Quarantine,
    /// The journal of an export.
    Journal,
    /// Text in UTF-16.
    Utf16,
    /// No text at all.
    Binary,
    /// OpenTelemetry spans as JSON, a request a line; read with the feature `otlp`.
    SpanLines,
    /// OpenTelemetry spans as protobuf: a request, or requests each after its length; read with the
    /// feature `otlp`.
    SpanMessages,
    /// Nothing.
    Empty,
}

/// The start of every tree that Runtrail writes.
const TREE_MARK: &str = "\"schema\":\"runtrail.tree";
/// The keys that every record of a journal begins with.
const JOURNAL_KEYS: [&[u8]; 4] = [b"seq", b"time", b"mono_us", b"entry"];
/// The keys that every line of a quarantine file begins with.
const QUARANTINE_KEYS: [&[u8]; 6] = [b"file", b"line", b"byte", b"length", b"code", b"reason"];

/// Says what the first bytes of a file are.
pub fn sniff(head: &[u8]) -> Format {
    match head {
        [] => Format::Empty,
        [0x1f, 0x8b, ..] => Format::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Format::Zstd,
        [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Format::Utf16,
        _ if is_span_message(head) => Format::SpanMessages,
        _ if head.contains(&0) => Format::Binary,
        _ if is_span_line(head) => Format::SpanLines,
        _ if begins_with_keys(head, &QUARANTINE_KEYS) => Format::Quarantine,
        _ if begins_with_keys(head, &JOURNAL_KEYS) => Format::Journal,
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

fn is_span_line(head: &[u8]) -> bool {
    let key = head.trim_ascii_start().strip_prefix(b"{");
    key.is_some_and(|key| key.trim_ascii_start().starts_with(b"\"resourceSpans\""))
}

/// Whether this begins with an object of these keys, in their order and without white space, as Runtrail
/// writes it.
fn begins_with_keys(head: &[u8], keys: &[&[u8]]) -> bool {
    let Some(mut rest) = head.strip_prefix(b"{") else {
        return false;
    };
    for (at, key) in keys.iter().enumerate() {
        let value = rest
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_prefix(*key))
            .and_then(|rest| rest.strip_prefix(b"\":"));
        let Some(value) = value else { return false };
        // The value of the last key may be long.
        if at + 1 == keys.len() {
            break;
        }
        let Some(end) = end_of_scalar(value) else {
            return false;
        };
        let Some(next) = value[end..].strip_prefix(b",") else {
            return false;
        };
        rest = next;
    }
    true
}

/// Where a string or a number at the start of these bytes ends.
fn end_of_scalar(bytes: &[u8]) -> Option<usize> {
    let Some(text) = bytes.strip_prefix(b"\"") else {
        return bytes.iter().position(|byte| !byte.is_ascii_digit());
    };
    let mut is_escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map(|end| end + 2)
}

/// Whether this begins like a request of spans: a message of resource spans that begins with a resource
/// or with the spans of a scope, maybe after a length of four bytes.
fn is_span_message(head: &[u8]) -> bool {
    let request = |bytes: &[u8]| {
        let (outer, rest) = message_length(bytes, &[0x0a])?;
        let (inner, _) = message_length(rest, &[0x0a, 0x12])?;
        (inner < outer).then_some(())
    };
    let prefixed = |bytes: &[u8]| {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (outer, body) = message_length(rest, &[0x0a])?;
        request(rest)?;
        let tag_and_length = (rest.len() - body.len()) as u64;
        (tag_and_length + outer <= u64::from(u32::from_be_bytes(*length))).then_some(())
    };
    // A line feed is the first byte of both a request and of much text; text has no byte below it
    // where a request has its second tag.
    request(head).or_else(|| prefixed(head)).is_some()
        && !matches!(head.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The length of a message with one of these tags, and what follows the length.
fn message_length<'h>(bytes: &'h [u8], tags: &[u8]) -> Option<(u64, &'h [u8])> {
    let (tag, mut rest) = bytes.split_first()?;
    if !tags.contains(tag) {
        return None;
    }
    let mut length = 0;
    for shift in (0..35).step_by(7) {
        let (byte, after) = rest.split_first()?;
        rest = after;
        length |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some((length, rest));
        }
    }
    None
}

/// Says what is inside a compressed input, which is left as it was.
#[cfg(feature = "otlp")]
pub(crate) fn sniff_inside(opened: &mut Opened) -> Format {
    let mut head = Vec::with_capacity(SNIFF);
    let failure = opened.plain.read_into(&mut head, SNIFF).err();
    let format = sniff(&head);
    let rest = std::mem::replace(&mut opened.plain, Plain::Other(Box::new(io::empty())));
    let head = Cursor::new(head);
    opened.plain = Plain::Other(match (failure, rest) {
        // What came before the damage is read, and then the damage is met once more.
        (Some(failure), _) => Box::new(head.chain(Failed(Some(failure)))),
        (None, Plain::File(file)) => Box::new(head.chain(file)),
        (None, Plain::Other(other)) => Box::new(head.chain(other)),
    });
    format
}

/// Fails once, and ends.
#[cfg(feature = "otlp")]
struct Failed(Option<io::Error>);

#[cfg(feature = "otlp")]
impl Read for Failed {
    fn read(&mut self, _buf: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
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
    let Input::File { path, extent, .. } = input else {
        return open_stream(Box::new(io::stdin()), bytes_read);
    };
    let mut file = File::open(path)?;
    if let Some(extent) = extent {
        return open_extent(file, *extent, bytes_read);
    }
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

fn open_extent(mut file: File, extent: Extent, bytes_read: &Arc<AtomicU64>) -> io::Result<Opened> {
    file.seek(SeekFrom::Start(extent.from))?;
    let mut part = file.take(extent.bytes());
    let mut head = Vec::with_capacity(SNIFF);
    part.by_ref().take(SNIFF as u64).read_to_end(&mut head)?;
    let format = sniff(&head);
    if matches!(format, Format::Plain | Format::Empty) {
        return Ok(Opened {
            format,
            plain: Plain::Other(Box::new(Cursor::new(head).chain(part))),
            uncounted: true,
        });
    }
    open_sniffed(head, Box::new(part), bytes_read)
}

/// Returns the part to read of a file that may be lines of events and can be read from any place; `None`
/// for any other, such as spans, and for what cannot be opened.
pub(crate) fn lines_file(path: &std::path::Path, extent: Option<Extent>) -> Option<Extent> {
    let mut file = File::open(path).ok()?;
    let meta = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let extent = extent.unwrap_or_else(|| Extent::first(meta.len()));
    file.seek(SeekFrom::Start(extent.from)).ok()?;
    let mut head = Vec::with_capacity(SNIFF);
    file.by_ref()
        .take(extent.bytes().min(SNIFF as u64))
        .read_to_end(&mut head)
        .ok()?;
    let start = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head);
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    // Files such as those under /proc have a size of 0 and are not.
    let lines = sniff(&head) == Format::Plain && first != Some(&b'[') && meta.len() >= extent.until;
    (lines && extent.bytes() > 0).then_some(extent)
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
