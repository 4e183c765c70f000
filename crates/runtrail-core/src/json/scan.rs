//! A validating scanner over JSON bytes that allocates nothing and never recurses.

/// The deepest nesting that any limit may allow; the stack of open brackets is this many bits.
pub(crate) const MAX_DEPTH: usize = 1024;

/// What stopped a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScanError {
    /// The bytes end inside the value, outside of any string.
    Cut,
    /// The bytes end inside a string.
    CutInString,
    /// The grammar is broken at this position.
    Syntax { at: usize, expected: &'static str },
    /// The value nests deeper than allowed at this position.
    TooDeep { at: usize },
}

/// A cursor over bytes that must be JSON.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    pos: usize,
    max_depth: usize,
    odds: Vec<usize>,
}

/// Errors are rare, and boxed so that the common answer fits a register.
type Scan<T> = Result<T, Box<ScanError>>;

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8], pos: usize, max_depth: usize) -> Self {
        Self {
            bytes,
            pos,
            max_depth: max_depth.min(MAX_DEPTH),
            odds: Vec::new(),
        }
    }

    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    /// Where something stands that Python writes and JSON does not allow: `NaN`, an infinity, a
    /// lone surrogate. They are accepted here and replaced by [`super::repair`].
    pub(crate) fn odds(&self) -> &[usize] {
        &self.odds
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    pub(crate) fn slice(&self, range: (usize, usize)) -> &'a [u8] {
        &self.bytes[range.0..range.1]
    }

    /// Steps over a string without escapes; `None` for anything else.
    #[inline]
    pub(crate) fn plain_string(&mut self) -> Option<(usize, usize)> {
        if self.peek()? != b'"' {
            return None;
        }
        self.pos += 1;
        let start = self.pos;
        self.plain_run();
        (self.peek()? == b'"').then(|| {
            self.pos += 1;
            (start, self.pos - 1)
        })
    }

    /// Steps over a non-negative integer of at most 18 digits; `None` for anything else.
    #[inline]
    pub(crate) fn small_integer(&mut self) -> Option<u64> {
        let start = self.pos;
        let mut number = 0_u64;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            number = number
                .checked_mul(10)?
                .checked_add(u64::from(byte - b'0'))?;
            self.pos += 1;
        }
        let digits = self.pos - start;
        let leading_zero = digits > 1 && self.bytes[start] == b'0';
        let more = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        (1..=18)
            .contains(&digits)
            .then_some(number)
            .filter(|_| !leading_zero && !more)
    }

    /// Steps over a text if it stands here.
    #[inline]
    pub(crate) fn skip(&mut self, text: &[u8]) -> bool {
        let found = self.bytes[self.pos..].starts_with(text);
        self.pos += if found { text.len() } else { 0 };
        found
    }

    #[inline]
    pub(crate) fn bump(&mut self) {
        self.pos += 1;
    }

    #[inline]
    pub(crate) fn space(&mut self) {
        while let Some(&byte) = self.bytes.get(self.pos) {
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return;
            }
            self.pos += 1;
        }
    }

    /// Steps over one exact byte.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, expected: &'static str) -> Scan<()> {
        match self.peek() {
            Some(found) if found == byte => {
                self.pos += 1;
                Ok(())
            }
            Some(_) => Err(Box::new(ScanError::Syntax {
                at: self.pos,
                expected,
            })),
            None => Err(Box::new(ScanError::Cut)),
        }
    }

    /// Steps over one value of any type, after white space.
    pub(crate) fn value(&mut self) -> Scan<()> {
        self.value_inside(0)
    }

    /// Steps over one value that stands `outer` levels deep already.
    #[inline]
    pub(crate) fn value_inside(&mut self, outer: usize) -> Scan<()> {
        self.space();
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.any_value(self.max_depth.saturating_sub(outer)),
        }
    }

    fn any_value(&mut self, limit: usize) -> Scan<()> {
        let mut open = BitStack::within(limit);
        loop {
            self.space();
            if !self.scalar_or_open(&mut open)? {
                continue;
            }
            if self.after_value(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Steps over a scalar or an opening bracket; whether a value is complete now.
    #[inline]
    fn scalar_or_open(&mut self, open: &mut BitStack) -> Scan<bool> {
        match self.peek().ok_or(ScanError::Cut)? {
            b'"' => self.string().map(|()| true),
            bracket @ (b'{' | b'[') => {
                if open.depth >= open.limit {
                    return Err(Box::new(ScanError::TooDeep { at: self.pos }));
                }
                self.pos += 1;
                open.push(bracket == b'{');
                self.space();
                let close = if bracket == b'{' { b'}' } else { b']' };
                if self.peek() == Some(close) {
                    self.pos += 1;
                    open.pop();
                    return Ok(true);
                }
                if bracket == b'{' {
                    self.key()?;
                }
                Ok(false)
            }
            b'-' | b'0'..=b'9' => self.number().map(|()| true),
            b't' => self.word(b"true").map(|()| true),
            b'f' => self.word(b"false").map(|()| true),
            b'n' => self.word(b"null").map(|()| true),
            b'N' => self.python_word(b"NaN").map(|()| true),
            b'I' => self.python_word(b"Infinity").map(|()| true),
            _ => Err(Box::new(ScanError::Syntax {
                at: self.pos,
                expected: "a value",
            })),
        }
    }

    /// Closes what closes here and steps to the next value; whether the outermost value is done.
    #[inline]
    fn after_value(&mut self, open: &mut BitStack) -> Scan<bool> {
        loop {
            if open.depth == 0 {
                return Ok(true);
            }
            self.space();
            let in_object = open.top();
            match self.peek().ok_or(ScanError::Cut)? {
                b',' => {
                    self.pos += 1;
                    if in_object {
                        self.space();
                        self.key()?;
                    }
                    return Ok(false);
                }
                b'}' if in_object => self.pos += 1,
                b']' if !in_object => self.pos += 1,
                _ => {
                    let expected = if in_object {
                        "`,` or `}`"
                    } else {
                        "`,` or `]`"
                    };
                    return Err(Box::new(ScanError::Syntax {
                        at: self.pos,
                        expected,
                    }));
                }
            }
            open.pop();
        }
    }

    fn key(&mut self) -> Scan<()> {
        self.string()?;
        self.space();
        self.expect(b':', "`:`")
    }

    /// Steps over a string.
    #[inline]
    pub(crate) fn string(&mut self) -> Scan<()> {
        self.expect(b'"', "`\"`")?;
        self.rest_of_string().map(drop)
    }

    /// Steps to behind the end of the string that the cursor is inside of, such as where
    /// [`Scanner::plain_string`] gave up. Whether all escapes on the way are the shortest ones there are.
    #[inline]
    pub(crate) fn rest_of_string(&mut self) -> Scan<bool> {
        let mut shortest = true;
        loop {
            self.plain_run();
            match self.bytes.get(self.pos).copied() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(shortest);
                }
                Some(b'\\') => {
                    let escaped = self.bytes.get(self.pos + 1);
                    shortest &= matches!(
                        escaped,
                        Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')
                    );
                    self.escape()?;
                }
                Some(_) => {
                    return Err(Box::new(ScanError::Syntax {
                        at: self.pos,
                        expected: "no control character in a string",
                    }));
                }
                None => return Err(Box::new(ScanError::CutInString)),
            }
        }
    }

    /// Steps over bytes that stand for themselves.
    ///
    /// Most strings end within a few words; what is longer is stepped over in blocks, whose test
    /// compiles to vector instructions.
    #[inline]
    fn plain_run(&mut self) {
        let mut rest = &self.bytes[self.pos..];
        let mut words = 0;
        while let Some((word, tail)) = rest.split_first_chunk() {
            if let Some(at) = first_special(*word) {
                self.pos = self.bytes.len() - rest.len() + at;
                return;
            }
            rest = tail;
            words += 1;
            if words == 8 {
                rest = after_plain_blocks(rest);
            }
        }
        let at = rest
            .iter()
            .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
        self.pos = self.bytes.len() - rest.len() + at.unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Scan<()> {
        let at = self.pos;
        match self.bytes.get(at + 1).ok_or(ScanError::CutInString)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.pos += 2,
            b'u' => {
                let unit = self.hex4(at)?;
                self.pos = at + 6;
                match unit {
                    0xd800..=0xdbff if self.low_surrogate_follows() => self.pos += 6,
                    0xd800..=0xdfff => self.note_odd(at),
                    _ => {}
                }
            }
            _ => {
                return Err(Box::new(ScanError::Syntax {
                    at,
                    expected: "a JSON escape",
                }));
            }
        }
        Ok(())
    }

    fn hex4(&self, at: usize) -> Scan<u32> {
        let mut unit = 0;
        for offset in 2..6 {
            let byte = *self.bytes.get(at + offset).ok_or(ScanError::CutInString)?;
            let digit = (byte as char).to_digit(16);
            unit = unit * 16
                + digit.ok_or(ScanError::Syntax {
                    at,
                    expected: "four hex digits",
                })?;
        }
        Ok(unit)
    }

    fn low_surrogate_follows(&self) -> bool {
        self.bytes[self.pos..].starts_with(b"\\u")
            && matches!(self.hex4(self.pos), Ok(0xdc00..=0xdfff))
    }

    fn note_odd(&mut self, at: usize) {
        self.odds.push(at);
    }

    fn number(&mut self) -> Scan<()> {
        let start = self.pos;
        if self.peek() == Some(b'-') {
            self.pos += 1;
            if self.peek() == Some(b'I') {
                self.pos = start;
                return self.python_word(b"-Infinity");
            }
        }
        match self.peek() {
            Some(b'0') => self.pos += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(Box::new(self.missing_digit())),
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.pos += 1;
        }
    }

    fn some_digits(&mut self) -> Scan<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(Box::new(self.missing_digit()));
        }
        self.digits();
        Ok(())
    }

    fn missing_digit(&self) -> ScanError {
        match self.peek() {
            Some(_) => ScanError::Syntax {
                at: self.pos,
                expected: "a digit",
            },
            None => ScanError::Cut,
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Scan<()> {
        let rest = &self.bytes[self.pos..];
        if rest.starts_with(word) {
            self.pos += word.len();
            Ok(())
        } else if word.starts_with(rest) {
            Err(Box::new(ScanError::Cut))
        } else {
            Err(Box::new(ScanError::Syntax {
                at: self.pos,
                expected: "a value",
            }))
        }
    }

    fn python_word(&mut self, word: &'static [u8]) -> Scan<()> {
        let at = self.pos;
        self.word(word)?;
        self.note_odd(at);
        Ok(())
    }
}

/// Finds the first byte that does not stand for itself: a quote, a backslash or below 0x20, each by
/// the carry-free "has a zero byte" trick.
#[inline]
fn first_special(bytes: [u8; 8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(bytes);
    let quote = word ^ (ONES * 0x22);
    let slash = word ^ (ONES * 0x5c);
    let special = (quote.wrapping_sub(ONES) & !quote)
        | (slash.wrapping_sub(ONES) & !slash)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    // A borrow can only make a byte after the first special one look special too.
    let marks = special & HIGHS;
    (marks != 0).then(|| (marks.trailing_zeros() / 8) as usize)
}

/// Whether every byte stands for itself in a string.
#[inline]
pub(crate) fn are_plain(bytes: &[u8]) -> bool {
    // Each part is zero for one sort of special byte alone, so the least over all says whether
    // there is one. Written this way it compiles to vector instructions.
    let least = |least: u8, &byte: &u8| least.min(byte ^ b'"').min(byte ^ b'\\').min(byte & 0xe0);
    bytes.iter().fold(u8::MAX, least) != 0
}

/// Steps over blocks in which every byte stands for itself.
fn after_plain_blocks(mut rest: &[u8]) -> &[u8] {
    while let Some((block, tail)) = rest.split_first_chunk::<64>()
        && are_plain(block)
    {
        rest = tail;
    }
    rest
}

/// Which of the open brackets are objects, one bit each.
struct BitStack {
    bits: [u64; MAX_DEPTH / 64],
    depth: usize,
    limit: usize,
}

impl BitStack {
    fn within(limit: usize) -> Self {
        Self {
            bits: [0; MAX_DEPTH / 64],
            depth: 0,
            limit,
        }
    }

    #[inline]
    fn push(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        self.bits[word] = (self.bits[word] & !(1 << bit)) | (u64::from(object) << bit);
        self.depth += 1;
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
    }

    #[inline]
    fn top(&self) -> bool {
        let at = self.depth - 1;
        self.bits[at / 64] >> (at % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(text: &str) -> Result<usize, ScanError> {
        let mut scanner = Scanner::new(text.as_bytes(), 0, 128);
        scanner
            .value()
            .map(|()| scanner.pos())
            .map_err(|error| *error)
    }

    #[test]
    fn cuts_are_told_from_errors() {
        assert_eq!(scan("{\"a\":[1,{}],\"b\":-0.5e+3} "), Ok(24));
        for text in ["{", "[1,", "{\"a\":tr", "-", "1.", "{\"a\"", "{\"a\": "] {
            assert_eq!(scan(text), Err(ScanError::Cut), "{text}");
        }
        for text in ["\"abc", "{\"a\":\"x", "\"\\", "\"\\u00"] {
            assert_eq!(scan(text), Err(ScanError::CutInString), "{text}");
        }
        assert!(matches!(
            scan("{\"a\":tru}"),
            Err(ScanError::Syntax { at: 5, .. })
        ));
        assert!(matches!(
            scan("\"a\nb\""),
            Err(ScanError::Syntax { at: 2, .. })
        ));
    }

    #[test]
    fn depth_is_limited_without_recursion() {
        let bomb = "[".repeat(1_000_000);
        assert_eq!(scan(&bomb), Err(ScanError::TooDeep { at: 128 }));
        let fits = format!("{}{}", "[".repeat(128), "]".repeat(128));
        assert_eq!(scan(&fits), Ok(256));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_what_is_json(text in r#"[ \[\]{}:,"\\a0-9.eE+tfnrul\-\u{0}\u{e9}]{0,24}"#) {
            let ours = {
                let mut scanner = Scanner::new(text.as_bytes(), 0, 128);
                let whole = scanner.value().is_ok();
                scanner.space();
                whole && scanner.pos() == text.len() && scanner.odds().is_empty()
            };
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(ours, theirs);
        }
    }
}
