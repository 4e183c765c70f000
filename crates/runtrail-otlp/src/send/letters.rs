//! Dead letters: spans that no server took, as OTLP/JSON Lines with the reason beside them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use runtrail_otlp_wire::json;
use runtrail_otlp_wire::model::{Request, ResourceSpans};
use serde::Serialize;

use crate::around::Around;
use crate::send::Piece;

/// A file of dead letters. It is made with the first letter; later ones are appended, so that what
/// an earlier export could not deliver is not lost to the next one.
#[derive(Debug)]
pub struct DeadLetters {
    path: PathBuf,
    file: Option<File>,
}

/// A line: a request, and why it was not delivered. Receivers pass over what they do not know.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Letter<'a> {
    resource_spans: Vec<ResourceSpans<'a>>,
    runtrail_dead_letter: Why<'a>,
}

#[derive(Serialize)]
struct Why<'a> {
    reason: &'a str,
    spans: usize,
}

impl DeadLetters {
    /// Names the file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            file: None,
        }
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends spans of a piece.
    pub(crate) fn write(
        &mut self,
        around: &Around,
        piece: &Piece,
        range: std::ops::Range<usize>,
        reason: &str,
    ) -> io::Result<()> {
        let spans = piece.read(range).map_err(io::Error::other)?;
        let letter = Letter {
            runtrail_dead_letter: Why {
                reason,
                spans: spans.len(),
            },
            resource_spans: around.request(spans).resource_spans,
        };
        let mut line = serde_json::to_string(&letter).map_err(io::Error::other)?;
        line.push('\n');
        self.open()?.write_all(line.as_bytes())
    }

    /// Makes the letters durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }

    fn open(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.begin()?,
        };
        Ok(self.file.insert(file))
    }

    fn begin(&self) -> io::Result<File> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&self.path)?;
        // A line that a killed export left torn must not swallow the next one.
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
        Ok(file)
    }
}

/// What relaying a file came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Lines that are requests.
    pub lines: u64,
    /// Spans in them.
    pub spans: u64,
    /// Lines that are not, with the first one's number and what is wrong with it.
    pub bad_lines: u64,
    /// The first of those: its number, from 1, and what is wrong with it.
    pub first_bad: Option<(u64, String)>,
}

/// The longest line that is read.
const MAX_LINE: u64 = 64 << 20;

/// Reads OTLP/JSON Lines and hands out each request. What is not one is counted and passed over.
///
/// An error of the reader or of `take` ends it.
pub fn relay_lines<E: From<io::Error>>(
    mut lines: impl BufRead,
    mut take: impl FnMut(&Request<'_>) -> Result<(), E>,
) -> Result<Relayed, E> {
    let mut relayed = Relayed::default();
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        if lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(relayed);
        }
        number += 1;
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            continue;
        }
        match json::read_request(&text) {
            Ok(request) => {
                relayed.lines += 1;
                relayed.spans += request.spans().count() as u64;
                take(&request)?;
            }
            Err(error) => {
                relayed.bad_lines += 1;
                relayed
                    .first_bad
                    .get_or_insert_with(|| (number, error.to_string()));
            }
        }
    }
}
