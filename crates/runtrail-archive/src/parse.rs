//! Finding the events in a chunk, whatever shape the archive has.
//!
//! Between values, `[`, `,` and `]` are taken as an array's and everything else must be a value. So
//! JSON Lines, arrays, arrays followed by lines, and pretty-printed forms of each are one grammar.

use std::ops::Range;

use runtrail_core::event::TraceEvent;
use runtrail_core::text::Text;
use runtrail_core::wire::{Read, WireError, WireErrorKind, WireReader};

use crate::chunk::NOT_UTF8;

/// Where in the archive's grammar a chunk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) in_array: bool,
    /// How many bytes of its line stand before it.
    pub(crate) column: usize,
}

/// What a chunk holds.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) events: Vec<TraceEvent>,
    pub(crate) bad: Vec<Bad>,
    pub(crate) substitutions: u64,
    /// How much of the chunk is dealt with; the rest needs what follows.
    pub(crate) used: usize,
    pub(crate) end: Place,
}

/// A stretch of a chunk that is not an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) range: Range<usize>,
    pub(crate) error: WireError,
}

/// Makes room for the events of so many bytes.
pub(crate) fn room_for(bytes: usize) -> Vec<TraceEvent> {
    // A line of a typical archive has some 600 bytes.
    Vec::with_capacity(bytes / 500)
}

/// Finds the events of a chunk; no value is longer than `max_line`. When `last`, all of the chunk
/// is dealt with.
pub(crate) fn parse(
    reader: &mut WireReader,
    text: &Text,
    place: Place,
    last: bool,
    max_line: usize,
    room: Vec<TraceEvent>,
) -> Parsed {
    let parsed = Parsed {
        end: place,
        events: room,
        ..Parsed::default()
    };
    let mut parser = Parser {
        text,
        last,
        max_line,
        column: place.column,
        pos: 0,
        parsed,
    };
    while parser.separators() && parser.value(reader) {}
    parser.parsed.used = parser.pos;
    parser.parsed.end.column = parser.column_of(parser.pos);
    parser.parsed
}

struct Parser<'a> {
    text: &'a Text,
    last: bool,
    max_line: usize,
    /// The column that the text begins in.
    column: usize,
    pos: usize,
    parsed: Parsed,
}

impl Parser<'_> {
    /// Steps over what stands between values; whether a value follows.
    fn separators(&mut self) -> bool {
        // A byte order mark is no data wherever files were joined.
        const BOM: &str = "\u{feff}";
        let in_array = &mut self.parsed.end.in_array;
        loop {
            match self.text.as_bytes().get(self.pos) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.pos += 1,
                Some(b',') if *in_array => self.pos += 1,
                Some(b']') if *in_array => {
                    *in_array = false;
                    self.pos += 1;
                }
                Some(b'[') if !*in_array => {
                    *in_array = true;
                    self.pos += 1;
                }
                Some(0xef) if self.text[self.pos..].starts_with(BOM) => self.pos += BOM.len(),
                Some(_) => return true,
                None => return false,
            }
        }
    }

    /// Reads a value; whether to go on. Stops in front of a value that needs more text.
    fn value(&mut self, reader: &mut WireReader) -> bool {
        match reader.read_at(self.text, self.pos) {
            Read::Event { end, .. } if end - self.pos > self.max_line => {
                self.bad(end, self.too_long());
                true
            }
            Read::Event {
                event,
                end,
                substitutions,
            } => {
                self.parsed.events.push(event);
                self.parsed.substitutions += u64::from(substitutions);
                self.pos = end;
                true
            }
            // A number may go on in what follows.
            Read::Bad { end: Some(end), .. } if end == self.text.len() && !self.last => false,
            Read::Bad {
                error,
                end: Some(end),
            } => {
                self.bad(end, error);
                true
            }
            Read::Bad { error, end: None } if self.cuts_character(&error) => self.cut(true),
            Read::Bad { error, end: None } => self.broken(error),
            Read::Cut { .. } if !self.last => false,
            Read::Cut { in_string } => self.cut(in_string),
        }
    }

    /// Notes a value that the text ends in.
    fn cut(&mut self, in_string: bool) -> bool {
        let error = WireError::new(WireErrorKind::Cut, self.text.len(), 0);
        let end = match self.line_end() {
            Some(_) if in_string => None,
            Some(_) if self.opens_over_lines() => self.next_value(),
            found => found,
        };
        self.bad(end.unwrap_or(self.text.len()), error);
        true
    }

    /// Whether what is wrong is the start of a character that the text ends in.
    fn cuts_character(&self, error: &WireError) -> bool {
        let rest = &self.text.as_bytes()[error.at()..];
        self.last && (1..=3).contains(&rest.len()) && rest.iter().all(|byte| *byte == NOT_UTF8)
    }

    /// Notes that what stands up to `end` is no event. That it is too long comes before any other
    /// reason: of a value whose end is out of reach nothing else is known.
    fn bad(&mut self, end: usize, error: WireError) {
        let error = if end - self.pos > self.max_line {
            self.too_long()
        } else {
            error
        };
        self.parsed.bad.push(Bad {
            range: self.pos..end,
            error,
        });
        self.pos = end;
    }

    fn too_long(&self) -> WireError {
        WireError::new(
            WireErrorKind::TooLong {
                limit: self.max_line,
            },
            self.pos,
            0,
        )
    }

    /// Skips what is not JSON up to where a value can begin again; whether that place is known.
    fn broken(&mut self, error: WireError) -> bool {
        let line_end = self.line_end();
        let end = match line_end {
            Some(_) if self.opens_over_lines() => self.next_value(),
            found => found,
        };
        match end {
            Some(end) => self.bad(end, error),
            None if self.last => self.bad(self.text.len(), error),
            None => return false,
        }
        true
    }

    /// Where the line of the value at hand ends.
    fn line_end(&self) -> Option<usize> {
        memchr::memchr(b'\n', &self.text.as_bytes()[self.pos..]).map(|at| self.pos + at)
    }

    /// Whether the value at hand is laid out over lines. A brace alone on its line is; a line that
    /// holds more is one of JSON Lines, and costs itself alone when it is cut off.
    fn opens_over_lines(&self) -> bool {
        let first_line = self.text[self.pos..].lines().next().unwrap_or_default();
        first_line.trim_end() == "{"
    }

    /// The next line that begins with `{` or `]`, indented no deeper than the broken value: there a
    /// new value begins or the array ends, also where the broken one was a line cut off.
    fn next_value(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let indent = self.column_of(self.pos);
        let mut at = self.pos;
        while let Some(newline) = memchr::memchr(b'\n', &bytes[at..]) {
            at += newline + 1;
            let spaces = bytes[at..]
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t'))
                .count();
            if spaces <= indent && matches!(bytes.get(at + spaces), Some(b'{' | b']')) {
                return Some(at);
            }
        }
        None
    }

    fn column_of(&self, pos: usize) -> usize {
        let newline = memchr::memrchr(b'\n', &self.text.as_bytes()[..pos]);
        newline.map_or_else(|| self.column.saturating_add(pos), |at| pos - at - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u32) -> String {
        format!(
            r#"{{"event_id":"e{id}","request_id":"r","kind":"op_start","timestamp":"2026-11-21T01:36:21Z","seq":{id}}}"#
        )
    }

    fn pretty(id: u32) -> String {
        event(id)
            .replace('{', "  {\n    ")
            .replace(",\"", ",\n    \"")
            .replace('}', "\n  }")
    }

    /// Shows what is found in a text: `e1` for events, `<reason: start of text>` for the rest.
    fn found(text: &str) -> String {
        let text = Text::new(text);
        let parsed = parse(
            &mut WireReader::default(),
            &text,
            Place::default(),
            true,
            usize::MAX,
            Vec::new(),
        );
        assert_eq!(parsed.used, text.len());
        let events = parsed.events.iter().map(|e| e.event_id.to_string());
        let bad = parsed.bad.iter().map(|bad| {
            let head: String = text[bad.range.clone()].chars().take(8).collect();
            format!(
                "<{}: {}>",
                bad.error.kind().code(),
                head.lines().next().unwrap_or_default()
            )
        });
        events.chain(bad).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_shape_of_archive_is_one_grammar() {
        let (a, b, c) = (event(1), event(2), event(3));
        let (pa, pb) = (pretty(1), pretty(2));
        for text in [
            format!("{a}\n{b}\n{c}\n"),
            format!("{a}\r\n\r\n{b}\n{c}"),
            format!("[{a},{b},\n{c}]"),
            format!("[\n{pa},\n{pb}\n]\n{c}\n"),
            format!("[{a}]\n{b}\n{c}\n"),
            format!("{pa}\n{pb}\n{c}"),
            format!("\u{feff}{a}\n\u{feff}{b}\n[{c}]\n[]\n"),
            format!("{a}{b} {c}"),
        ] {
            assert_eq!(found(&text), "e1 e2 e3", "{text}");
        }
    }

    #[test]
    fn a_damaged_line_costs_that_line() {
        let (a, b) = (event(1), event(2));
        let cut_in_string = &a[..14];
        let cut_outside = &a[..12];
        assert_eq!(
            found(&format!("{a}\n{cut_in_string}\n{b}\n")),
            "e1 e2 <not_json: {\"event_>"
        );
        assert_eq!(
            found(&format!("{a}\n{cut_outside}\n{b}\n")),
            "e1 e2 <cut_off: {\"event_>"
        );
        assert_eq!(
            found(&format!("{cut_outside}\n{b}")),
            "e2 <cut_off: {\"event_>"
        );
        assert_eq!(
            found(&format!("{cut_outside}\n{a}\n{b}")),
            "e1 e2 <not_json: {\"event_>"
        );
        assert_eq!(
            found(&format!("Traceback\n  at x\n{b}\n")),
            "e2 <not_json: Tracebac> <not_json: at x>"
        );
        assert_eq!(
            found(&format!("{a}\n{{\"a\":1}}\n{b}")),
            "e1 e2 <missing_field: {\"a\":1}>"
        );
        assert_eq!(
            found(&format!("{a} trailing\n{b}")),
            "e1 e2 <not_json: trailing>"
        );
        assert_eq!(found(&format!("{a}\n]\n{b}")), "e1 e2 <not_json: ]>");
        assert_eq!(found(&format!("[[1]\n{b}")), "e2 <not_an_object: [1]>");
        assert_eq!(
            found(&format!("{a}\n{cut_in_string}")),
            "e1 <cut_off: {\"event_>"
        );
    }

    #[test]
    fn a_damaged_pretty_printed_event_costs_that_event() {
        let damaged = pretty(2).replace("\"op_start\"", "oops");
        let text = format!("[\n{},\n{damaged},\n{}\n]", pretty(1), pretty(3));
        assert_eq!(found(&text), "e1 e3 <not_json: {>");
        let cut = &text[..text.len() - 30];
        assert_eq!(found(cut), "e1 <not_json: {> <cut_off: {>");
    }

    #[test]
    fn a_depth_bomb_is_one_reject() {
        let bomb = format!("{}\n{}", "[".repeat(100_000), event(1));
        assert_eq!(found(&bomb), "e1 <too_deep: [[[[[[[[>");
        let bomb = format!("{{\"payload\":{}\n{}", "[".repeat(100_000), event(1));
        assert_eq!(found(&bomb), "e1 <too_deep: {\"payloa>");
    }

    #[test]
    fn any_cut_into_chunks_finds_the_same() {
        let damaged = pretty(2).replace("\"op_start\"", "oops");
        let text = format!(
            "[{},\n{},\n{damaged}\n]\nnoise\n{}\n",
            event(1),
            pretty(4),
            event(3)
        );
        let whole = found(&text);
        for first in 0..text.len() {
            let (mut place, mut from, mut seen) = (Place::default(), 0, Vec::new());
            for (until, last) in [(first, false), (text.len(), true)] {
                let chunk = Text::new(&text[from..until]);
                let parsed = parse(
                    &mut WireReader::default(),
                    &chunk,
                    place,
                    last,
                    usize::MAX,
                    Vec::new(),
                );
                seen.push((parsed.events.len(), parsed.bad.len()));
                from += parsed.used;
                place = parsed.end;
            }
            let events: usize = seen.iter().map(|s| s.0).sum();
            let bad: usize = seen.iter().map(|s| s.1).sum();
            assert_eq!((events, bad), (3, 2), "cut at {first}: {whole}");
        }
    }
}
