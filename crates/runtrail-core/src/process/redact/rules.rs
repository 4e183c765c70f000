//! What is secret.

use std::borrow::Cow;

use regex::{NoExpand, Regex, RegexSet};

use super::RedactSettings;
use crate::json::push_string;
use crate::process::SettingsError;
use crate::process::pattern::NamePattern;

/// Settings, ready to use.
pub(super) struct Rules {
    keys: Vec<NamePattern>,
    /// All patterns at once, to see quickly that none matches.
    any: RegexSet,
    each: Vec<Regex>,
    mask: String,
    quoted_mask: String,
    /// Whether a pattern matches the mask itself: then whole texts are masked, since masking a part
    /// again would never come to an end.
    whole: bool,
}

impl Rules {
    pub(super) fn new(settings: &RedactSettings) -> Result<Self, SettingsError> {
        if settings.keys.iter().any(|key| plain(key).is_empty()) {
            return Err(SettingsError::new("keys", "a key is empty"));
        }
        let mut each = Vec::with_capacity(settings.patterns.len());
        for (index, pattern) in settings.patterns.iter().enumerate() {
            // The error's own text repeats the pattern, which may spell out a secret.
            let number = index + 1;
            let regex = Regex::new(pattern).map_err(|_| {
                let reason = format!("number {number} is not a regular expression");
                SettingsError::new("patterns", reason)
            })?;
            if regex.is_match("") {
                let reason = format!("number {number} matches the empty text");
                return Err(SettingsError::new("patterns", reason));
            }
            each.push(regex);
        }
        let any = RegexSet::new(&settings.patterns)
            .map_err(|_| SettingsError::new("patterns", "are too large together"))?;
        let mut quoted_mask = String::new();
        push_string(&mut quoted_mask, &settings.mask);
        let keys = settings.keys.iter();
        Ok(Self {
            keys: keys.map(|key| NamePattern::new(&plain(key))).collect(),
            whole: any.is_match(&settings.mask),
            any,
            each,
            mask: settings.mask.clone(),
            quoted_mask,
        })
    }

    pub(super) fn is_secret_key(&self, key: &str) -> bool {
        let key = plain(key);
        self.keys.iter().any(|secret| secret.matches(&key))
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        !self.each.is_empty() && text != self.mask && self.any.is_match(text)
    }

    /// Masks what the patterns match; `None` where that is nothing.
    pub(super) fn mask_text(&self, text: &str) -> Option<String> {
        if !self.matches(text) {
            return None;
        }
        if self.whole {
            return Some(self.mask.clone());
        }
        let mut masked = Cow::Borrowed(text);
        for regex in &self.each {
            if let Cow::Owned(text) = regex.replace_all(&masked, NoExpand(&self.mask)) {
                masked = Cow::Owned(text);
            }
        }
        // Masking one part may have brought together what matches another pattern.
        if self.any.is_match(&masked) {
            return Some(self.mask.clone());
        }
        Some(masked.into_owned())
    }

    pub(super) fn mask(&self) -> &str {
        &self.mask
    }

    /// Returns the mask as JSON.
    pub(super) fn quoted_mask(&self) -> &str {
        &self.quoted_mask
    }
}

/// A key without what writers differ in.
fn plain(key: &str) -> String {
    key.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}
