//! Finding the end of a value that is too long to be held.

/// Looks for the end of a value, piece by piece.
///
/// It ends with its own closing bracket. Where that cannot be relied on it ends with its line: when
/// it has no bracket, when the line breaks inside a string, and, beyond the limit, when the next
/// line begins like another value.
#[derive(Debug)]
pub(crate) struct Skip {
    limit: u64,
    indent: usize,
    skipped: u64,
    depth: u64,
    in_string: bool,
    escaped: bool,
    /// How many spaces the present line begins with, while there is nothing else on it.
    spaces: Option<usize>,
}

impl Skip {
    /// Begins at a value that stands in a column and has more than `limit` bytes.
    pub(crate) fn new(limit: usize, indent: usize) -> Self {
        Self {
            limit: limit as u64,
            indent,
            skipped: 0,
            depth: 0,
            in_string: false,
            escaped: false,
            spaces: None,
        }
    }

    /// Returns how much of the value has been skipped.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the column of what follows the value, once its end has been found.
    pub(crate) fn column(&self) -> usize {
        self.spaces
            .unwrap_or_else(|| self.indent.saturating_add(self.skipped as usize))
    }

    /// Skips as much of the text as belongs to the value; whether its end is there.
    pub(crate) fn skip(&mut self, text: &[u8]) -> (usize, bool) {
        for (at, &byte) in text.iter().enumerate() {
            if let Some(spaces) = self.spaces {
                match byte {
                    b' ' | b'\t' => self.spaces = Some(spaces + 1),
                    b'{' | b']' if spaces <= self.indent && self.skipped > self.limit => {
                        return (at, true);
                    }
                    _ => self.spaces = None,
                }
            }
            if byte == b'\n' && (self.in_string || self.depth == 0) {
                return (at, true);
            }
            self.skipped += 1;
            if self.step(byte) {
                return (at + 1, true);
            }
        }
        (text.len(), false)
    }

    /// Takes the next byte of the value; whether it closes it.
    fn step(&mut self, byte: u8) -> bool {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'\n' => self.spaces = Some(0),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a text after its first value, skipped in pieces of every size.
    fn rest_after(limit: usize, text: &str) -> &str {
        let ends = (1..=text.len()).map(|size| {
            let mut skip = Skip::new(limit, 0);
            for piece in text.as_bytes().chunks(size) {
                let (_, ended) = skip.skip(piece);
                if ended {
                    break;
                }
            }
            skip.skipped() as usize
        });
        let ends: Vec<usize> = ends.collect();
        assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}: {text}");
        &text[ends[0]..]
    }

    #[test]
    fn a_value_ends_with_its_bracket() {
        assert_eq!(
            rest_after(3, r#"{"a":"}\"","b":[{}]},{"c":1}]"#),
            r#",{"c":1}]"#
        );
        assert_eq!(rest_after(3, "[1,\n2]\n{}"), "\n{}");
        assert_eq!(rest_after(3, "{\n  \"a\": {\n  }\n}\n{}"), "\n{}");
    }

    #[test]
    fn a_broken_value_ends_with_its_line() {
        assert_eq!(rest_after(3, "noise, noise\n{}"), "\n{}");
        assert_eq!(rest_after(3, "{\"a\":\"cut\n{}"), "\n{}");
        assert_eq!(rest_after(3, "{\"a\":{\"cut\":1\n{}"), "{}");
        assert_eq!(rest_after(3, "{\n  \"a\": {\n  \"cut\": 1\n]\n"), "]\n");
        assert_eq!(rest_after(3, "{\"a\":{ endless"), "");
    }
}
