//! Shared, immutable text.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytes::Bytes;
use faststr::FastStr;

/// A cheap-to-clone slice of shared UTF-8 text.
///
/// An event that was read from an archive holds slices of the chunk it was read in; a clone is a
/// reference count, never a copy. A `Text` keeps its whole chunk alive: call [`Text::detached`]
/// before holding on to a small piece of a large chunk.
///
/// A chunk is limited to 4 GiB, so that a slice is two 32-bit offsets.
pub struct Text {
    chunk: Arc<FastStr>,
    start: u32,
    end: u32,
}

impl Clone for Text {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            chunk: Arc::clone(&self.chunk),
            start: self.start,
            end: self.end,
        }
    }

    /// Neighbours mostly share a chunk; then no reference is counted, which costs more than all else.
    #[inline]
    fn clone_from(&mut self, source: &Self) {
        if self.shares_chunk(source) {
            (self.start, self.end) = (source.start, source.end);
        } else {
            *self = source.clone();
        }
    }
}

impl Text {
    /// Takes over a string as a chunk of its own.
    ///
    /// Text beyond 4 GiB is cut at the last character that fits; readers refuse such input long
    /// before (see `max_line` of the archive reader).
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.truncate(fitting(&text));
        let end = text.len() as u32;
        Self {
            chunk: Arc::new(FastStr::from_string(text)),
            start: 0,
            end,
        }
    }

    /// Copies a string into a chunk of its own.
    fn copied(text: &str) -> Self {
        let text = &text[..fitting(text)];
        Self {
            chunk: Arc::new(FastStr::new(text)),
            start: 0,
            end: text.len() as u32,
        }
    }

    /// Takes over bytes as a chunk of their own, or gives them back where they are not UTF-8, or
    /// are more than 4 GiB.
    pub fn from_utf8(bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        let Ok(end) = u32::try_from(bytes.len()) else {
            return Err(bytes);
        };
        // `Bytes` keeps the vector reachable where the check fails. The check is by SIMD: the
        // standard library's costs as much as finding the events does.
        let bytes = Bytes::from(bytes);
        match FastStr::from_bytes(bytes.clone()) {
            Ok(text) => Ok(Self {
                chunk: Arc::new(text),
                start: 0,
                end,
            }),
            Err(_) => Err(bytes.into()),
        }
    }

    /// Returns the text.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.chunk
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// Returns the length in bytes, without a look at the chunk.
    #[inline]
    pub fn size(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Returns a slice that shares this text's chunk, or empty text where the range is not one.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let whole = self.as_str();
        let inside = whole.get(range.clone()).is_some();
        let (start, end) = if inside {
            (range.start, range.end)
        } else {
            (0, 0)
        };
        Self {
            chunk: Arc::clone(&self.chunk),
            start: self.start + start as u32,
            end: self.start + end as u32,
        }
    }

    /// Returns a slice that is known to be one: between bytes of ASCII, within the text.
    #[inline]
    pub(crate) fn part(&self, (start, end): (usize, usize)) -> Self {
        debug_assert!(self.as_str().get(start..end).is_some());
        Self {
            chunk: Arc::clone(&self.chunk),
            start: self.start + start as u32,
            end: self.start + end as u32,
        }
    }

    /// Returns a part of the text; `None` where the range is not one.
    #[inline]
    pub(crate) fn get_part(&self, (start, end): (u32, u32)) -> Option<&str> {
        let (start, end) = (self.start.checked_add(start)?, self.start.checked_add(end)?);
        if end > self.end {
            return None;
        }
        self.chunk.as_str().get(start as usize..end as usize)
    }

    /// Returns `part`, a slice of this text, as text that shares its chunk; empty text where it is
    /// a slice of another.
    #[inline]
    pub(crate) fn share(&self, part: &str) -> Self {
        // What lies within the bytes of a text and is text itself begins and ends with a character.
        let start = (part.as_ptr() as usize).wrapping_sub(self.as_bytes().as_ptr() as usize);
        match start.checked_add(part.len()) {
            Some(end) if end <= self.as_bytes().len() => self.part((start, end)),
            _ => self.part((0, 0)),
        }
    }

    /// Copies the slice into a chunk of its own, unless it already is the whole chunk.
    pub fn detached(&self) -> Self {
        if self.as_bytes().len() == self.chunk.len() {
            self.clone()
        } else {
            Self::copied(self.as_str())
        }
    }

    /// Returns the bytes that this slice keeps alive.
    pub fn chunk_len(&self) -> usize {
        self.chunk.len()
    }
}

/// How many bytes of a string fit a chunk: all but for one of more than 4 GiB.
fn fitting(text: &str) -> usize {
    let mut fitting = text.len().min(u32::MAX as usize);
    while !text.is_char_boundary(fitting) {
        fitting -= 1;
    }
    fitting
}

impl Default for Text {
    fn default() -> Self {
        Self::new(String::new())
    }
}

impl Deref for Text {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::copied(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl Text {
    /// Returns the text's bytes, without the look at character boundaries that a `str` takes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.chunk
            .as_str()
            .as_bytes()
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// Whether both are slices of one chunk, which therefore stays in memory with either.
    #[inline]
    pub fn shares_chunk(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunk, &other.chunk)
    }

    /// Whether both are the same slice of the same chunk, which needs no look at the text.
    #[inline]
    pub(crate) fn same_slice(&self, other: &Self) -> bool {
        self.start == other.start && self.end == other.end && self.shares_chunk(other)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.same_slice(other) || self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    #[inline]
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        // The order of UTF-8 bytes is the order of the characters.
        if self.same_slice(other) {
            Ordering::Equal
        } else {
            self.as_bytes().cmp(other.as_bytes())
        }
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_shares_its_chunk_until_detached() {
        let chunk = Text::new("héllo world");
        let world = chunk.slice(7..12);
        assert_eq!(world, "world");
        assert_eq!(world.chunk_len(), chunk.len());
        assert_eq!(world.detached().chunk_len(), 5);
    }

    #[test]
    fn a_shared_part_is_a_slice_of_the_text_or_nothing() {
        let chunk = Text::new("héllo world");
        let hello = chunk.slice(0..6);
        let shared = hello.share(&hello[3..]);
        assert_eq!(shared, "llo");
        assert!(shared.shares_chunk(&chunk));
        assert_eq!(hello.share(&chunk[5..8]), "");
        assert_eq!(hello.share("elsewhere"), "");
    }

    #[test]
    fn a_clone_in_place_is_a_clone() {
        let (chunk, other) = (Text::new("héllo world"), Text::new("other"));
        let mut text = chunk.slice(0..6);
        for source in [&chunk.slice(7..12), &other, &chunk] {
            text.clone_from(source);
            assert_eq!(text, *source);
            assert!(text.shares_chunk(source));
        }
    }

    #[test]
    fn a_range_that_is_not_one_gives_empty_text() {
        let chunk = Text::new("héllo");
        assert_eq!(chunk.slice(2..4), "");
        assert_eq!(chunk.slice(3..99), "");
    }
}
