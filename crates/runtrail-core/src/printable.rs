//! Foreign text on its way to a person's screen.

use std::fmt::{self, Write};

/// Shows foreign text with everything escaped that could move a cursor, hide text or reorder it:
/// control characters, bidirectional controls, zero-width characters.
///
/// ```
/// use runtrail_core::printable::Printable;
/// assert_eq!(Printable("red\u{1b}[31m\u{202e}").to_string(), "red\\u{1b}[31m\\u{202e}");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if is_deceptive(c) => write!(f, "{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Whether a character can act on the text around it instead of standing for itself.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_of_any_script_is_untouched() {
        for text in ["xin chào 你好 😀", "a\\b \"q\"", ""] {
            assert_eq!(Printable(text).to_string(), text);
        }
    }

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        let shown = Printable("\u{1b}]0;x\u{7}\u{9b}2J\r\n\u{200b}\u{feff}").to_string();
        assert_eq!(shown, "\\u{1b}]0;x\\u{7}\\u{9b}2J\\r\\n\\u{200b}\\u{feff}");
    }
}
