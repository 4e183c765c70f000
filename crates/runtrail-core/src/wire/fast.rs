//! The one-pass reader of ordinary events.

use super::WireReader;
use crate::event::{Ctx, EventKind, Payload, Slots, TraceEvent, scan_object};
use crate::json::Scanner;
use crate::text::Text;
use crate::time::Timestamp;

/// Offsets into the chunk.
type Range = (usize, usize);

/// What has been seen of an event so far; ranges are offsets into the chunk.
#[derive(Default)]
struct Seen {
    event_id: Option<Range>,
    request_id: Option<Range>,
    kind: Option<EventKind>,
    op_name: Option<OpName>,
    ctx: Option<Ctx>,
    timestamp: Option<Timestamp>,
    seq: Option<u64>,
    payload: Option<SeenPayload>,
    /// Key (with quotes) and value of unknown fields.
    extra: Vec<(Range, Range)>,
}

enum OpName {
    Null,
    Named(Range),
}

enum SeenPayload {
    Null,
    Scanned(Range, Slots),
    /// The payload came before the kind, so its fields are still to be found.
    Unread(Range),
}

impl WireReader {
    /// Reads the event at `pos`, or gives up at anything out of the ordinary: the exact reader
    /// decides then whether it is odd or wrong.
    pub(super) fn fast(&mut self, chunk: &Text, pos: usize) -> Option<(TraceEvent, usize)> {
        let mut scanner = Scanner::new(chunk.as_bytes(), pos, self.options.max_depth);
        let mut seen = Seen::default();
        scanner.expect(b'{', "an object").ok()?;
        loop {
            scanner.space();
            let key = scanner.plain_string()?;
            scanner.space();
            scanner.expect(b':', "`:`").ok()?;
            scanner.space();
            self.field(chunk, &mut scanner, key, &mut seen)?;
            scanner.space();
            match scanner.peek()? {
                b',' => scanner.bump(),
                b'}' => break,
                _ => return None,
            }
        }
        scanner.bump();
        if !scanner.odds().is_empty() {
            return None;
        }
        seen.into_event(chunk).map(|event| (event, scanner.pos()))
    }

    fn field(
        &mut self,
        chunk: &Text,
        scanner: &mut Scanner<'_>,
        key: Range,
        seen: &mut Seen,
    ) -> Option<()> {
        match scanner.slice(key) {
            b"event_id" => once(&mut seen.event_id, scanner.plain_string()?),
            b"request_id" => once(&mut seen.request_id, scanner.plain_string()?),
            b"kind" => {
                let range = scanner.plain_string()?;
                once(&mut seen.kind, kind_of(chunk, range))
            }
            b"op_name" => {
                let name = if skip_null(scanner) {
                    OpName::Null
                } else {
                    OpName::Named(scanner.plain_string()?)
                };
                once(&mut seen.op_name, name)
            }
            b"ctx" => {
                let start = scanner.pos();
                let ctx = if skip_null(scanner) {
                    Ctx::default()
                } else {
                    scanner.value_inside(1).ok()?;
                    self.cached_ctx(scanner.slice((start, scanner.pos())))?
                };
                once(&mut seen.ctx, ctx)
            }
            b"timestamp" => {
                let (start, end) = scanner.plain_string()?;
                let text = chunk.get(start..end)?;
                once(
                    &mut seen.timestamp,
                    Timestamp::parse_with(text, self.options.assume_offset_minutes).ok()?,
                )
            }
            b"seq" => once(&mut seen.seq, scanner.small_integer()?),
            b"payload" => {
                let payload = seen_payload(scanner, seen.kind.as_ref())?;
                once(&mut seen.payload, payload)
            }
            _ => {
                let start = scanner.pos();
                scanner.value_inside(1).ok()?;
                seen.extra
                    .push(((key.0 - 1, key.1 + 1), (start, scanner.pos())));
                Some(())
            }
        }
    }
}

/// Sets a field that may be written once; a repeated key is not ordinary.
fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

fn skip_null(scanner: &mut Scanner<'_>) -> bool {
    scanner.peek() == Some(b'n') && scanner.value().is_ok()
}

fn kind_of(chunk: &Text, (start, end): Range) -> EventKind {
    EventKind::known(chunk.get(start..end).unwrap_or_default())
        .unwrap_or_else(|| EventKind::Unknown(chunk.slice(start..end).detached()))
}

fn seen_payload(scanner: &mut Scanner<'_>, kind: Option<&EventKind>) -> Option<SeenPayload> {
    if skip_null(scanner) {
        return Some(SeenPayload::Null);
    }
    if scanner.peek()? != b'{' {
        return None;
    }
    let start = scanner.pos();
    match kind {
        Some(kind) => {
            let mut slots = Slots::default();
            scan_object(scanner, kind, &mut slots)?;
            Some(SeenPayload::Scanned((start, scanner.pos()), slots))
        }
        None => {
            scanner.value_inside(1).ok()?;
            Some(SeenPayload::Unread((start, scanner.pos())))
        }
    }
}

impl Seen {
    fn into_event(self, chunk: &Text) -> Option<TraceEvent> {
        let kind = self.kind?;
        let payload = match self.payload.unwrap_or(SeenPayload::Null) {
            SeenPayload::Null => Payload::empty(),
            SeenPayload::Scanned((start, end), slots) => {
                Payload::from_parts(chunk.slice(start..end), slots)
            }
            SeenPayload::Unread((start, end)) => Payload::found(&kind, chunk.slice(start..end)),
        };
        let slice = |(start, end): Range| chunk.slice(start..end);
        Some(TraceEvent {
            event_id: slice(self.event_id?),
            request_id: slice(self.request_id?),
            kind,
            op_name: match self.op_name {
                Some(OpName::Named(range)) => Some(slice(range)),
                Some(OpName::Null) | None => None,
            },
            ctx: self.ctx.unwrap_or_default(),
            timestamp: self.timestamp?,
            seq: self.seq?,
            payload,
            extra: join_extra(chunk, &self.extra),
        })
    }
}

fn join_extra(chunk: &str, fields: &[(Range, Range)]) -> Option<Text> {
    if fields.is_empty() {
        return None;
    }
    let mut object = String::from("{");
    for (index, &(key, value)) in fields.iter().enumerate() {
        if index > 0 {
            object.push(',');
        }
        object.push_str(&chunk[key.0..key.1]);
        object.push(':');
        object.push_str(&chunk[value.0..value.1]);
    }
    object.push('}');
    Some(Text::new(object))
}
