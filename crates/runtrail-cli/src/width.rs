//! Text measured in columns of a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the columns that a text takes.
pub(crate) fn of(text: &str) -> usize {
    text.width()
}

/// Cuts a text to at most `columns`, marking the cut; what fits is returned whole.
pub(crate) fn cut(text: &str, columns: usize, mark: &str) -> String {
    if of(text) <= columns {
        return text.to_owned();
    }
    let (head, _) = split(text, columns.saturating_sub(of(mark)));
    if columns < of(mark) {
        String::new()
    } else {
        format!("{head}{mark}")
    }
}

/// Cuts the front of a text so that its end takes at most `columns`, marking the cut.
pub(crate) fn cut_front(text: &str, columns: usize, mark: &str) -> String {
    if of(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(of(mark));
    let mut start = text.len();
    let mut taken = 0;
    for (at, c) in text.char_indices().rev() {
        taken += c.width().unwrap_or(0);
        if taken > room {
            break;
        }
        start = at;
    }
    if columns < of(mark) {
        String::new()
    } else {
        format!("{mark}{}", &text[start..])
    }
}

/// Splits a text after at most `columns`.
fn split(text: &str, columns: usize) -> (&str, &str) {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += c.width().unwrap_or(0);
        if taken > columns {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// Appends spaces behind a text until it takes `columns`.
pub(crate) fn pad_end(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(of(text))))
}

/// Puts spaces before a text until it takes `columns`.
pub(crate) fn pad_start(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(of(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(of("你好"), 4);
        assert_eq!(pad_start("你好", 6), "  你好");
        assert_eq!(pad_end("é", 3), "é  ");
    }

    #[test]
    fn a_cut_stays_within_its_columns() {
        assert_eq!(cut("hello world", 8, "…"), "hello w…");
        assert_eq!(cut("hello", 5, "…"), "hello");
        assert_eq!(cut("你好世界", 6, "…"), "你好…");
        assert_eq!(cut("hello", 0, "…"), "");
        assert_eq!(cut_front("hello world", 6, "…"), "…world");
        assert_eq!(cut_front("你好世界", 4, "..."), "...");
    }
}
