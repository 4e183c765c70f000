//! Telling the run and the time of an ordinary line without parsing it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Ends the names of the fields that make an event one, `event_id` and `request_id`.
static ID_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"t_id\""));
static TIMESTAMP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"timestamp\":"));

/// How far into a line its timestamp is looked for.
const REACH: usize = 4096;

/// Returns the run and the time, as text, of a line that begins as engines write it, without
/// looking further than it needs to. If the line begins with an event, they are its own.
///
/// An event's id and run come first, as plain strings, and are not named again before the
/// timestamp. That is found by its key, which cannot stand inside a string, before anything nested
/// begins. Whatever follows, such as a second event, is noticed when the line is parsed.
pub(super) fn quick(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.last() != Some(&b'}') {
        return None;
    }
    let mut rest = line.strip_prefix(b"{")?;
    string_of(&mut rest, b"\"event_id\":")?;
    rest = after_space(rest.strip_prefix(b",")?);
    let run = string_of(&mut rest, b"\"request_id\":")?;
    let near = &rest[..rest.len().min(REACH)];
    let key = TIMESTAMP.find(near)?;
    let between = &near[..key];
    if memchr::memchr(b'{', between).is_some() || ID_END.find(between).is_some() {
        return None;
    }
    rest = &rest[key..];
    let time = string_of(&mut rest, b"\"timestamp\":")?;
    Some((run, time))
}

/// Steps over a key and its value, a string without escapes, and returns the string.
fn string_of<'a>(rest: &mut &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let value = after_space(rest.strip_prefix(key)?).strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', value)?;
    let (value, tail) = value.split_at(end);
    *rest = tail.strip_prefix(b"\"")?;
    Some(value)
}

fn after_space(rest: &[u8]) -> &[u8] {
    rest.strip_prefix(b" ").unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<(String, String)> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        quick(line.as_bytes()).map(|(run, time)| (text(run), text(time)))
    }

    #[test]
    fn ordinary_lines_are_told_with_and_without_spaces() {
        let line = r#"{"event_id":"e","request_id":"r","kind":"op_end","timestamp":"2026-11-21T01:36:21Z","seq":1,"payload":{"t_idx":1}}"#;
        let wanted = Some(("r".to_owned(), "2026-11-21T01:36:21Z".to_owned()));
        assert_eq!(told(line), wanted);
        assert_eq!(told(&format!("{line}\r\n")), wanted);
        assert_eq!(
            told(
                &line
                    .replace(':', ": ")
                    .replace(',', ", ")
                    .replace("01: 36: 21", "01:36:21")
            ),
            wanted
        );
    }

    #[test]
    fn whatever_could_mean_something_else_is_left_to_the_parser() {
        let line = |more: &str| {
            format!(
                r#"{{"event_id":"e","request_id":"r",{more}"timestamp":"2026-11-21T01:36:21Z","seq":1}}"#
            )
        };
        assert!(told(&line("")).is_some());
        for odd in [
            line("").replace("\"e\"", "\"e\\n\""),
            line(r#""payload":{"timestamp":"2020-01-01T00:00:00Z"},"#),
            line(r#""request_id":"other","#),
            line("").replace('}', ""),
            line(&format!("\"op_name\":\"{}\",", "x".repeat(REACH))),
            format!("[{}]", line("")),
            String::new(),
        ] {
            assert_eq!(told(&odd), None, "{odd}");
        }
    }
}
