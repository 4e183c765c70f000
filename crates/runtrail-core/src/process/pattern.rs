//! Names with wildcards.

use super::SettingsError;

/// A name in which `*` stands for any characters, or none: `debug.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// What stands between the wildcards; one part has none.
    parts: Vec<String>,
}

impl NamePattern {
    /// Reads a pattern.
    pub fn new(pattern: &str) -> Self {
        Self {
            parts: pattern.split('*').map(str::to_owned).collect(),
        }
    }

    /// Whether a name is one of those meant.
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return name == first;
        };
        let Some(mut name) = name.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in middle {
            // The earliest place leaves the most for what follows, so there is no need to go back.
            let Some(at) = name.find(part.as_str()) else {
                return false;
            };
            name = &name[at + part.len()..];
        }
        name.ends_with(last.as_str())
    }
}

/// Reads the patterns of a setting; none at all, or an empty one, is a mistake.
pub(super) fn patterns(
    setting: &'static str,
    written: &[String],
) -> Result<Vec<NamePattern>, SettingsError> {
    if written.is_empty() {
        return Err(SettingsError::new(setting, "names nothing"));
    }
    if written.iter().any(String::is_empty) {
        return Err(SettingsError::new(setting, "a name is empty"));
    }
    Ok(written.iter().map(|name| NamePattern::new(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let matches = |pattern, name| NamePattern::new(pattern).matches(name);
        for (pattern, name) in [
            ("a.b", "a.b"),
            ("*", ""),
            ("debug.*", "debug.x.y"),
            ("*.i.*", "main.i.d"),
            ("a*b*b", "abb"),
            ("*é*", "xin é"),
            ("**", "any"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("a.b", "a.bc"),
            ("debug.*", "debug"),
            ("a*b*b", "ab"),
            ("ab*ba", "aba"),
            ("", "x"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
