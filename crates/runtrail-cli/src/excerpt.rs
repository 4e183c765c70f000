//! A damaged line as a person is shown it: a piece of it, with marks under the trouble.

use std::fmt::Write as _;

use runtrail_archive::{Reject, RejectReason};
use runtrail_core::printable::Printable;

use crate::human;
use crate::width;

/// Columns of an excerpt where the terminal does not say how many it has.
const COLUMNS: usize = 100;

/// Says where a reject stands: `broken.jsonl:48213, byte 9,114,201`.
pub(crate) fn place(reject: &Reject) -> String {
    if matches!(reject.reason, RejectReason::Binary(_)) {
        return Printable(&reject.file).to_string();
    }
    let place = format!(
        "{}:{}, byte {}",
        Printable(&reject.file),
        reject.line,
        human::count(reject.byte)
    );
    let before = &reject.text[..reject.marked.0.min(reject.text.len())];
    match before.split(|byte| *byte == b'\n').count() as u64 - 1 {
        0 => place,
        lines => format!("{place} (marked: line {})", reject.line + lines),
    }
}

/// Shows the line around the trouble and marks it, with what is known about it beside and below
/// the marks; each line ended and indented by two spaces.
pub(crate) fn excerpt(reject: &Reject, columns: Option<usize>, cut_mark: &str) -> String {
    let hint = reject.reason.hint().unwrap_or_default();
    let (beside, below) = match hint.split_once("; ") {
        Some((first, rest)) if first.starts_with("expected") => (first, rest),
        _ if hint.starts_with("expected") => (hint, ""),
        _ => ("", hint),
    };
    let mut text = String::new();
    if !reject.text.is_empty() {
        let room = columns.unwrap_or(COLUMNS).clamp(40, 200) - 2;
        let (line, marks) = marked_line(reject, room, cut_mark);
        let _ = write!(
            text,
            "  {line}\n  {}\n",
            format!("{marks} {beside}").trim_end()
        );
    } else if !beside.is_empty() {
        let _ = writeln!(text, "  {beside}");
    }
    if !below.is_empty() {
        let _ = writeln!(text, "  {}", sentence(below));
    }
    text
}

/// A text with a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// The piece of the line that is shown, and the marks to stand under it.
fn marked_line(reject: &Reject, room: usize, cut_mark: &str) -> (String, String) {
    let (start, end) = reject.marked;
    let end = end.clamp(start.min(reject.text.len()), reject.text.len());
    let start = start.min(end);
    // Far more than fits is never looked at: a line may have gigabytes.
    let reach = room * 8;
    let before = &reject.text[start.saturating_sub(reach)..start];
    let after = &reject.text[end..reject.text.len().min(end + reach)];
    // Of a value over many lines only the one with the trouble is shown.
    let line_start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let line_end = after
        .iter()
        .position(|b| *b == b'\n')
        .unwrap_or(after.len());
    let marked = &reject.text[start..end.min(start + reach)];
    let (marked, line_end) = match marked.iter().position(|b| *b == b'\n') {
        Some(at) => (&marked[..at], 0),
        None => (marked, line_end),
    };
    let before = shown(before[line_start..].trim_ascii_start());
    let marked = shown(marked);
    let after = shown(after[..line_end].trim_ascii_end());

    let marked = width::cut(&marked, room / 2, cut_mark);
    let before_room = (room - width::of(&marked)).saturating_sub(width::of(&after).min(room / 4));
    let before = width::cut_front(&before, before_room, cut_mark);
    let after_room = room - width::of(&marked) - width::of(&before);
    let whole = reject.text.len() as u64 >= reject.length;
    let after = if whole || !after.is_empty() {
        after
    } else {
        cut_mark.to_owned()
    };
    let after = width::cut(&after, after_room, cut_mark);

    let marks = format!(
        "{}{}",
        " ".repeat(width::of(&before)),
        "^".repeat(width::of(&marked).max(1))
    );
    (format!("{before}{marked}{after}"), marks)
}

fn shown(bytes: &[u8]) -> String {
    Printable(&String::from_utf8_lossy(bytes)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtrail_core::time::ParseTimeError;
    use runtrail_core::wire::WireErrorKind;

    fn reject(text: &str, marked: &str, kind: WireErrorKind) -> Reject {
        let at = text.find(marked).unwrap();
        Reject {
            file: "broken.jsonl".into(),
            line: 48213,
            byte: 9_114_201,
            length: text.len() as u64,
            reason: RejectReason::Wire(kind),
            marked: (at, at + marked.len()),
            text: text.into(),
        }
    }

    #[test]
    fn the_trouble_is_marked_and_explained() {
        let text = r#"{"event_id":"e9","timestamp":"2026-11-20T03:12:04.118000","kind":"op_end","op_name":"main"}"#;
        let naive = reject(
            text,
            "\"2026-11-20T03:12:04.118000\"",
            WireErrorKind::Time(ParseTimeError::NoOffset),
        );
        assert_eq!(place(&naive), "broken.jsonl:48213, byte 9,114,201");
        let shown = excerpt(&naive, Some(80), "…");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines[0],
            r#"  {"event_id":"e9","timestamp":"2026-11-20T03:12:04.118000","kind":"op_end","op…"#
        );
        assert_eq!(
            lines[1],
            "                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected e.g. 2026-11-20T03:12:04.118Z"
        );
        assert!(
            lines[2].starts_with("  Python's naive datetime.isoformat()"),
            "{}",
            lines[2]
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_trouble_and_kept_harmless() {
        let text = format!("{}\u{1b}[2J!{}", "a".repeat(10_000), "b".repeat(10_000));
        let shown = excerpt(
            &reject(&text, "!", WireErrorKind::TrailingText),
            Some(60),
            "…",
        );
        let lines: Vec<&str> = shown.lines().collect();
        assert!(
            lines[0].starts_with("  …aaa") && lines[0].ends_with("bbb…"),
            "{}",
            lines[0]
        );
        assert!(lines[0].contains("\\u{1b}[2J!"));
        assert_eq!(width::of(lines[0]), 60);
        assert_eq!(lines[0].find('!').map(|at| at - 2), lines[1].find('^'));
    }

    #[test]
    fn a_line_that_just_ends_is_marked_behind_its_end() {
        let mut cut = reject("{\"a\":", "{", WireErrorKind::Cut);
        cut.marked = (5, 5);
        assert_eq!(
            excerpt(&cut, None, "…"),
            "  {\"a\":\n       ^\n  The writer was probably stopped in the middle of a line\n"
        );
    }
}
