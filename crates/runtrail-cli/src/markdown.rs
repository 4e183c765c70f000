//! Foreign text inside Markdown.

use runtrail_core::printable::Printable;

/// Shows a text as it stands, as code: nothing in it is read as Markdown.
pub(crate) fn code(text: &str) -> String {
    let text = Printable(text).to_string();
    // A fence must be longer than any run of backticks inside.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if longest == 0 && !text.is_empty() {
        format!("`{text}`")
    } else {
        format!("{fence} {text} {fence}")
    }
}

/// As [`code`], for a cell of a table.
pub(crate) fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_fence() {
        assert_eq!(code("a<b>*c*"), "`a<b>*c*`");
        assert_eq!(code("a``b\n# c"), "``` a``b\\n# c ```");
        assert_eq!(cell("a|b"), "`a\\|b`");
    }
}
