//! Putting JSON text together.

use runtrail_core::json::push_string;
use runtrail_core::wire::push_one_line;

use super::TreeStyle;

/// Levels beyond this one are indented like it.
const MAX_INDENT: usize = 64;

/// JSON text in the making: knows where commas, line breaks and indentation belong.
#[derive(Debug)]
pub(super) struct Json {
    text: String,
    style: TreeStyle,
    level: usize,
    /// Within how many objects and lists that are kept on one line.
    inline: usize,
    /// Whether the object or list at hand has no element yet.
    empty: bool,
    /// Whether a key was written that waits for its value.
    after_key: bool,
}

impl Json {
    pub(super) fn new(style: TreeStyle) -> Self {
        Self {
            text: String::new(),
            style,
            level: 0,
            inline: 0,
            empty: true,
            after_key: false,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Forgets the text so far, which has been handed on.
    pub(super) fn clear(&mut self) {
        self.text.clear();
    }

    pub(super) fn begin(&mut self, bracket: char) {
        self.before_value();
        self.text.push(bracket);
        self.level += 1;
        self.empty = true;
    }

    pub(super) fn end(&mut self, bracket: char) {
        self.level -= 1;
        if !self.empty && self.inline == 0 {
            self.new_line();
        }
        self.text.push(bracket);
        self.empty = false;
    }

    /// As [`Json::begin`], for something short that is to stand on one line.
    pub(super) fn begin_inline(&mut self, bracket: char) {
        self.begin(bracket);
        self.inline += 1;
    }

    pub(super) fn end_inline(&mut self, bracket: char) {
        self.end(bracket);
        self.inline -= 1;
    }

    pub(super) fn key(&mut self, key: &str) {
        self.before_value();
        push_string(&mut self.text, key);
        self.text.push(':');
        if self.style == TreeStyle::Pretty {
            self.text.push(' ');
        }
        self.after_key = true;
    }

    pub(super) fn string(&mut self, value: &str) {
        self.before_value();
        push_string(&mut self.text, value);
    }

    pub(super) fn null(&mut self) {
        self.before_value();
        self.text.push_str("null");
    }

    /// Writes a number or a time; anything whose `Display` is valid JSON as it stands.
    pub(super) fn number(&mut self, value: impl std::fmt::Display) {
        use std::fmt::Write;
        self.before_value();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
    }

    /// Writes a float with the fewest digits that read back as the same one.
    pub(super) fn float(&mut self, value: Option<f64>) {
        self.before_value();
        match value.and_then(|value| serde_json::to_string(&value).ok()) {
            Some(text) => self.text.push_str(&text),
            None => self.text.push_str("null"),
        }
    }

    /// Splices in a value that is JSON text already.
    pub(super) fn raw(&mut self, value: &str) {
        self.before_value();
        match self.style {
            TreeStyle::Pretty => self.text.push_str(value),
            TreeStyle::OneLine => push_one_line(&mut self.text, value),
        }
    }

    fn before_value(&mut self) {
        if std::mem::take(&mut self.after_key) {
            self.empty = false;
            return;
        }
        if !self.empty {
            self.text.push(',');
        }
        if self.level > 0 && self.inline == 0 {
            self.new_line();
        } else if !self.empty && self.style == TreeStyle::Pretty {
            self.text.push(' ');
        }
        self.empty = false;
    }

    fn new_line(&mut self) {
        if self.style == TreeStyle::Pretty {
            self.text.push('\n');
            self.text
                .extend(std::iter::repeat_n("  ", self.level.min(MAX_INDENT)));
        }
    }
}

/// Fields of an object, one call each.
impl Json {
    pub(super) fn string_field(&mut self, key: &str, value: &str) {
        self.key(key);
        self.string(value);
    }

    pub(super) fn text_field(&mut self, key: &str, value: Option<&str>) {
        self.key(key);
        match value {
            Some(value) => self.string(value),
            None => self.null(),
        }
    }

    pub(super) fn number_field(&mut self, key: &str, value: impl std::fmt::Display) {
        self.key(key);
        self.number(value);
    }

    /// Writes a number that may be missing; it is `null` then, never 0.
    pub(super) fn count_field(&mut self, key: &str, value: Option<i64>) {
        self.key(key);
        match value {
            Some(value) => self.number(value),
            None => self.null(),
        }
    }

    pub(super) fn float_field(&mut self, key: &str, value: Option<f64>) {
        self.key(key);
        self.float(value);
    }

    /// Writes a field of JSON text, if there is one.
    pub(super) fn raw_field(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(key);
            self.raw(value);
        }
    }
}
