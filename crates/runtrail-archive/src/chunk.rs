//! Cutting an input into chunks that end between lines where there are lines.

use std::io;

use runtrail_core::text::Text;

use crate::input::Plain;

/// Stands for each byte that is not UTF-8; JSON allows it nowhere.
pub(crate) const NOT_UTF8: u8 = 1;

/// A piece of an input's plain text.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The text; bytes that are not UTF-8 stand as [`NOT_UTF8`].
    pub(crate) text: Text,
    /// The bytes as they came, where they are not the text's.
    pub(crate) original: Option<Vec<u8>>,
    /// Where the chunk begins in the plain text.
    pub(crate) byte: u64,
    /// The line that it begins on, from 1.
    pub(crate) line: u64,
    /// Whether nothing follows.
    pub(crate) last: bool,
}

impl Chunk {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.original.as_deref().unwrap_or(self.text.as_bytes())
    }
}

/// Reads chunks of an input.
pub(crate) struct Chunks {
    input: Plain,
    /// What was read beyond the last chunk's end.
    tail: Vec<u8>,
    byte: u64,
    line: u64,
    ended: bool,
    failure: Option<io::Error>,
}

impl Chunks {
    pub(crate) fn new(input: Plain) -> Self {
        Self::starting_at(input, 0, 1)
    }

    /// Of an input that begins at that byte and line of what it is shown as.
    pub(crate) fn starting_at(input: Plain, byte: u64, line: u64) -> Self {
        Self {
            input,
            tail: Vec::new(),
            byte,
            line,
            ended: false,
            failure: None,
        }
    }

    /// Returns what stopped the input early, once it has stopped.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Returns the line and the byte that come next.
    pub(crate) fn position(&self) -> (u64, u64) {
        (self.line, self.byte)
    }

    /// Gives back the end of the latest chunk, from where it could not be used alone.
    pub(crate) fn push_back(&mut self, chunk: &Chunk, from: usize) {
        let rest = &chunk.bytes()[from..];
        self.byte = chunk.byte + from as u64;
        self.line = chunk.line + count_lines(&chunk.bytes()[..from]);
        let mut tail = Vec::with_capacity(rest.len() + self.tail.len());
        tail.extend_from_slice(rest);
        tail.append(&mut self.tail);
        self.tail = tail;
        self.ended &= self.tail.is_empty();
    }

    /// Reads about `want` bytes beyond what was given back; `None` at the end.
    ///
    /// A read error ends the input: what came before it is a last chunk like any other.
    pub(crate) fn next(&mut self, want: usize) -> Option<Chunk> {
        if self.ended {
            return None;
        }
        let mut bytes = std::mem::take(&mut self.tail);
        let mut last = self.failure.is_some();
        if !last {
            bytes.reserve_exact(want);
            match self.input.read_into(&mut bytes, want) {
                Ok(read) => last = read < want,
                Err(error) => {
                    self.failure = Some(error);
                    last = true;
                }
            }
        }
        if !last {
            let cut = memchr::memrchr(b'\n', &bytes)
                .map_or_else(|| whole_characters(&bytes), |at| at + 1);
            self.tail = bytes.split_off(cut);
        }
        self.ended = last;
        let (byte, line) = (self.byte, self.line);
        self.byte += bytes.len() as u64;
        self.line += count_lines(&bytes);
        let (text, original) = to_text(bytes);
        Some(Chunk {
            text,
            original,
            byte,
            line,
            last,
        })
    }
}

pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// The length without a character that the end of the bytes cuts apart.
fn whole_characters(bytes: &[u8]) -> usize {
    let recent = bytes.len().saturating_sub(3);
    let start = (recent..bytes.len()).rev().find(|&at| bytes[at] >= 0xc0);
    match start {
        Some(at) if std::str::from_utf8(&bytes[at..]).is_err() => at,
        _ => bytes.len(),
    }
}

/// Makes text of bytes, and gives them back beside it where they are not UTF-8.
pub(crate) fn to_text(bytes: Vec<u8>) -> (Text, Option<Vec<u8>>) {
    match Text::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(original) => {
            let mut text = String::with_capacity(original.len());
            for part in original.utf8_chunks() {
                text.push_str(part.valid());
                text.extend(part.invalid().iter().map(|_| char::from(NOT_UTF8)));
            }
            (Text::new(text), Some(original))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(bytes: &'static [u8]) -> Chunks {
        Chunks::new(Plain::Other(Box::new(bytes)))
    }

    #[test]
    fn chunks_end_between_lines_and_count_them() {
        let mut chunks = opened(b"one\ntwo\nthree");
        let first = chunks.next(6).unwrap();
        assert_eq!(
            (&*first.text, first.byte, first.line, first.last),
            ("one\n", 0, 1, false)
        );
        let second = chunks.next(6).unwrap();
        assert_eq!((&*second.text, second.byte, second.line), ("two\n", 4, 2));
        chunks.push_back(&second, 1);
        let third = chunks.next(100).unwrap();
        assert_eq!(
            (&*third.text, third.byte, third.line, third.last),
            ("wo\nthree", 5, 2, true)
        );
        assert!(chunks.next(100).is_none());
    }

    #[test]
    fn characters_are_never_cut_and_bad_bytes_are_kept_aside() {
        let mut chunks = opened("ab€".as_bytes());
        assert_eq!(chunks.next(3).unwrap().text, "ab");
        assert_eq!(chunks.next(9).unwrap().text, "€");
        let bad = opened(b"a\xffb").next(9).unwrap();
        assert_eq!((&*bad.text, bad.bytes()), ("a\u{1}b", &b"a\xffb"[..]));
    }
}
