//! What the program is talking to.

use std::io::IsTerminal;

/// The surroundings that output depends on, read once.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "they are facts, not states")]
pub(crate) struct Terminal {
    /// Columns that a line of standard output should keep to; none for a pipe or a file.
    pub(crate) columns: Option<usize>,
    /// Whether characters beyond ASCII can be shown.
    pub(crate) unicode: bool,
    /// Whether standard output takes colours.
    pub(crate) out_colour: bool,
    /// Whether standard error takes colours.
    pub(crate) err_colour: bool,
    /// Whether standard error is a terminal.
    pub(crate) interactive: bool,
}

impl Terminal {
    /// Looks at the process's surroundings.
    pub(crate) fn detect() -> Self {
        let colour = |choice| choice != anstream::ColorChoice::Never;
        Self {
            columns: columns(),
            unicode: unicode_locale(|name| std::env::var(name).ok()),
            out_colour: colour(anstream::AutoStream::choice(&std::io::stdout())),
            err_colour: colour(anstream::AutoStream::choice(&std::io::stderr())),
            interactive: std::io::stderr().is_terminal(),
        }
    }
}

fn columns() -> Option<usize> {
    let stated = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let measured = || {
        terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
    };
    stated.or_else(measured).filter(|columns| *columns >= 20)
}

/// Whether the locale is one of UTF-8; one that says nothing is taken for it, as containers set
/// none and their terminals are UTF-8 all the same.
fn unicode_locale(variable: impl Fn(&str) -> Option<String>) -> bool {
    let stated = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    stated.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_is_set_decides() {
        let with = |set: &'static [(&str, &str)]| {
            unicode_locale(|name| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(with(&[]));
        assert!(with(&[("LANG", "vi_VN.UTF-8")]));
        assert!(with(&[("LC_ALL", "C.utf8"), ("LANG", "C")]));
        assert!(!with(&[
            ("LC_ALL", ""),
            ("LC_CTYPE", "POSIX"),
            ("LANG", "en_US.UTF-8")
        ]));
        assert!(!with(&[("LANG", "de_DE.ISO-8859-1")]));
    }
}
