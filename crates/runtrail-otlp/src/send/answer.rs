//! What a server's answer means.

use std::time::{Duration, SystemTime};

use runtrail_core::json::RawJson;
use runtrail_otlp_wire::protobuf::Fields;

/// What a server's answer means for the spans of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It took them, but for as many as it says it did not.
    Taken { rejected: u64, message: String },
    /// There are too many of them at once.
    TooLarge(String),
    /// It may take them later.
    Busy {
        after: Option<Duration>,
        reason: String,
    },
    /// It will never take them.
    Refused(String),
    /// It does not understand how they were compressed; the next attempt is compressed otherwise.
    OtherEncoding(String),
}

impl Answer {
    /// Changes what the server says.
    pub(crate) fn map_said(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Taken { rejected, message } => Self::Taken {
                rejected,
                message: change(message),
            },
            Self::TooLarge(reason) => Self::TooLarge(change(reason)),
            Self::Busy { after, reason } => Self::Busy {
                after,
                reason: change(reason),
            },
            Self::Refused(reason) => Self::Refused(change(reason)),
            Self::OtherEncoding(reason) => Self::OtherEncoding(change(reason)),
        }
    }
}

/// The parts of an HTTP reply that matter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HttpReply<'a> {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<&'a str>,
    pub(crate) date: Option<&'a str>,
    /// Whether the body is JSON rather than protobuf.
    pub(crate) is_json: bool,
    pub(crate) body: &'a [u8],
}

/// The most that is kept of what a server says.
const SAID: usize = 300;

/// Reads an HTTP reply; `now` is where a `Retry-After` date counts from if the reply has no date.
pub(crate) fn of_http(reply: HttpReply<'_>, now: SystemTime) -> Answer {
    let reason = || {
        let said = said_in(&reply);
        let colon = if said.is_empty() { "" } else { ": " };
        format!("HTTP {}{colon}{said}", reply.status)
    };
    match reply.status {
        200..=299 if reply.is_json => taken_in_json(reply.body),
        200..=299 => taken(reply.body),
        413 => Answer::TooLarge(reason()),
        429 | 502 | 503 | 504 => Answer::Busy {
            after: retry_after(&reply, now),
            reason: reason(),
        },
        _ => Answer::Refused(reason()),
    }
}

/// Reads an `ExportTraceServiceResponse`. A body that is none says nothing against the spans.
pub(crate) fn taken(body: &[u8]) -> Answer {
    let (mut rejected, mut message) = (0, String::new());
    let partial = Fields::new(body)
        .filter_map(Result::ok)
        .filter(|(number, _)| *number == 1);
    for (_, field) in partial {
        for (number, part) in Fields::new(field.bytes().unwrap_or_default()).filter_map(Result::ok)
        {
            match number {
                1 => {
                    let count = part.varint().unwrap_or(0) as i64;
                    rejected = u64::try_from(count).unwrap_or(0);
                }
                2 => message = clean(part.text().unwrap_or_default()),
                _ => {}
            }
        }
    }
    Answer::Taken { rejected, message }
}

/// As [`taken`], of JSON.
fn taken_in_json(body: &[u8]) -> Answer {
    let response = as_json(body);
    let partial = response.and_then(|response| response.get("partialSuccess"));
    let field = |name| partial.and_then(|partial| partial.get(name));
    // 64-bit integers are strings in OTLP/JSON, and numbers in some receivers'.
    let rejected = field("rejectedSpans").and_then(|count| match count.as_str() {
        Some(text) => text.parse().ok(),
        None => count.text().parse().ok(),
    });
    let message = field("errorMessage").and_then(RawJson::as_str);
    Answer::Taken {
        rejected: rejected.unwrap_or(0),
        message: clean(&message.unwrap_or_default()),
    }
}

fn as_json(body: &[u8]) -> Option<RawJson<'_>> {
    RawJson::parse(std::str::from_utf8(body).ok()?)
}

fn retry_after(reply: &HttpReply<'_>, now: SystemTime) -> Option<Duration> {
    let text = reply.retry_after?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    // The server's own clock where it says what that shows: ours may be off.
    let from = reply
        .date
        .and_then(|date| httpdate::parse_http_date(date).ok());
    Some(
        until
            .duration_since(from.unwrap_or(now))
            .unwrap_or_default(),
    )
}

/// What an error's body says: the message of a `google.rpc.Status`, or text.
fn said_in(reply: &HttpReply<'_>) -> String {
    let body = reply.body;
    let object = as_json(body).filter(|_| reply.is_json);
    if let Some(message) = object.and_then(|status| status.get("message")?.as_str()) {
        return clean(&message);
    }
    let message = Fields::new(body)
        .map_while(Result::ok)
        .find(|(number, _)| *number == 2);
    let message = message.and_then(|(_, field)| field.text().ok());
    match message.filter(|message| !message.is_empty()) {
        Some(message) => clean(message),
        None => clean(&String::from_utf8_lossy(&body[..body.len().min(4 * SAID)])),
    }
}

/// One short line of what a server says.
pub(crate) fn clean(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let mut line = words.join(" ");
    if let Some((end, _)) = line.char_indices().nth(SAID) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
        let reply = HttpReply {
            status,
            retry_after,
            date: Some("Sat, 21 Nov 2026 01:00:00 GMT"),
            is_json: body.starts_with(b"{"),
            body,
        };
        of_http(reply, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn each_status_has_one_meaning() {
        let none = Answer::Taken {
            rejected: 0,
            message: String::new(),
        };
        assert_eq!(read(200, None, b""), none);
        assert_eq!(read(202, None, b"<html>ok"), none);
        assert_eq!(
            read(413, None, b"big"),
            Answer::TooLarge("HTTP 413: big".into())
        );
        for status in [429, 502, 503, 504] {
            assert!(
                matches!(read(status, None, b""), Answer::Busy { after: None, .. }),
                "{status}"
            );
        }
        for status in [301, 400, 401, 403, 404, 415, 422, 500, 501] {
            assert!(
                matches!(read(status, None, b""), Answer::Refused(_)),
                "{status}"
            );
        }
    }

    #[test]
    fn a_partial_success_counts_what_was_rejected() {
        let body = [0x0a, 7, 0x08, 3, 0x12, 3, b'b', b'a', b'd'];
        let wanted = Answer::Taken {
            rejected: 3,
            message: "bad".into(),
        };
        assert_eq!(read(200, None, &body), wanted);
    }

    #[test]
    fn answers_in_json_say_the_same() {
        let taken = |rejected, message: &str| Answer::Taken {
            rejected,
            message: message.to_owned(),
        };
        for (body, wanted) in [
            ("{}", taken(0, "")),
            (r#"{"partialSuccess":{}}"#, taken(0, "")),
            (r#"{"partialSuccess":null}"#, taken(0, "")),
            (
                r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"b\na"}}"#,
                taken(3, "b a"),
            ),
            (r#"{"partialSuccess":{"rejectedSpans":3}}"#, taken(3, "")),
            (r#"{"partialSuccess":{"rejectedSpans":-3}}"#, taken(0, "")),
            (r#"{"partialSuccess":"#, taken(0, "")),
        ] {
            assert_eq!(read(200, None, body.as_bytes()), wanted, "{body}");
        }
        let status = br#"{"code":3,"message":"no"}"#;
        assert_eq!(
            read(400, None, status),
            Answer::Refused("HTTP 400: no".into())
        );
        assert_eq!(
            read(400, None, b"{no"),
            Answer::Refused("HTTP 400: {no".into())
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |text| match read(429, Some(text), b"") {
            Answer::Busy { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            after("Sat, 21 Nov 2026 01:02:00 GMT"),
            Some(Duration::from_secs(120))
        );
        assert_eq!(after("Sat, 21 Nov 2026 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn what_a_server_says_is_one_short_line() {
        let status = [0x08, 3, 0x12, 2, b'n', b'o'];
        assert_eq!(
            read(400, None, &status),
            Answer::Refused("HTTP 400: no".into())
        );
        assert_eq!(
            read(400, None, b"a\n\x1b[2J b"),
            Answer::Refused("HTTP 400: a [2J b".into())
        );
        let Answer::Refused(long) = read(400, None, "é".repeat(5000).as_bytes()) else {
            panic!("not refused")
        };
        assert_eq!(long.chars().count(), "HTTP 400: ".len() + SAID + 1);
    }
}
