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

/// The fields of an event, in the order in which engines write them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    EventId,
    RequestId,
    Kind,
    OpName,
    Ctx,
    Timestamp,
    Seq,
    Payload,
    Unknown(Range),
}

impl Field {
    /// Steps over the next key. The one that commonly comes `after` another is tried before the key
    /// is looked for, which is cheaper than finding its end and telling it from the others.
    #[inline]
    fn next(scanner: &mut Scanner<'_>, after: Option<Self>) -> Option<Self> {
        let usual = match after {
            None => scanner.skip(b"\"event_id\"").then_some(Self::EventId),
            Some(Self::EventId) => scanner.skip(b"\"request_id\"").then_some(Self::RequestId),
            Some(Self::RequestId) => scanner.skip(b"\"kind\"").then_some(Self::Kind),
            Some(Self::Kind) => scanner.skip(b"\"op_name\"").then_some(Self::OpName),
            Some(Self::OpName) => scanner.skip(b"\"ctx\"").then_some(Self::Ctx),
            Some(Self::Ctx) => scanner.skip(b"\"timestamp\"").then_some(Self::Timestamp),
            Some(Self::Timestamp) => scanner.skip(b"\"seq\"").then_some(Self::Seq),
            Some(Self::Seq) => scanner.skip(b"\"payload\"").then_some(Self::Payload),
            Some(Self::Payload | Self::Unknown(_)) => None,
        };
        if usual.is_some() {
            return usual;
        }
        let key = scanner.plain_string()?;
        Some(match scanner.slice(key) {
            b"event_id" => Self::EventId,
            b"request_id" => Self::RequestId,
            b"kind" => Self::Kind,
            b"op_name" => Self::OpName,
            b"ctx" => Self::Ctx,
            b"timestamp" => Self::Timestamp,
            b"seq" => Self::Seq,
            b"payload" => Self::Payload,
            _ => Self::Unknown(key),
        })
    }
}

impl WireReader {
    /// Reads the event at `pos`, or gives up at anything out of the ordinary: the exact reader
    /// decides then whether it is odd or wrong.
    #[inline]
    pub(super) fn fast(&mut self, chunk: &Text, pos: usize) -> Option<(TraceEvent, usize)> {
        let text = chunk.as_str();
        let mut scanner = Scanner::new(text.as_bytes(), pos, self.options.max_depth);
        let mut seen = Seen::default();
        let mut last = None;
        scanner.expect(b'{', "an object").ok()?;
        loop {
            scanner.space();
            let field = Field::next(&mut scanner, last)?;
            scanner.space();
            scanner.expect(b':', "`:`").ok()?;
            scanner.space();
            self.value_of(field, text, &mut scanner, &mut seen)?;
            last = Some(field);
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

    #[inline]
    fn value_of(
        &mut self,
        field: Field,
        text: &str,
        scanner: &mut Scanner<'_>,
        seen: &mut Seen,
    ) -> Option<()> {
        match field {
            Field::EventId => once(&mut seen.event_id, scanner.plain_string()?),
            Field::RequestId => once(&mut seen.request_id, scanner.plain_string()?),
            Field::Kind => {
                let (start, end) = scanner.plain_string()?;
                once(&mut seen.kind, kind_of(text.get(start..end)?))
            }
            Field::OpName => {
                let name = if skip_null(scanner) {
                    OpName::Null
                } else {
                    OpName::Named(scanner.plain_string()?)
                };
                once(&mut seen.op_name, name)
            }
            Field::Ctx => {
                let ctx = self.ctx(scanner)?;
                once(&mut seen.ctx, ctx)
            }
            Field::Timestamp => {
                let (start, end) = scanner.plain_string()?;
                let assume = self.options.assume_offset_minutes;
                let timestamp = Timestamp::parse_with(text.get(start..end)?, assume).ok()?;
                once(&mut seen.timestamp, timestamp)
            }
            Field::Seq => once(&mut seen.seq, scanner.small_integer()?),
            Field::Payload => {
                let payload = seen_payload(scanner, seen.kind.as_ref())?;
                once(&mut seen.payload, payload)
            }
            Field::Unknown(key) => {
                let start = scanner.pos();
                scanner.value_inside(1).ok()?;
                seen.extra
                    .push(((key.0 - 1, key.1 + 1), (start, scanner.pos())));
                Some(())
            }
        }
    }

    #[inline]
    fn ctx(&mut self, scanner: &mut Scanner<'_>) -> Option<Ctx> {
        // An array ends with its own bracket, so that text which begins like one begins with it.
        if !self.last_ctx.0.is_empty() && scanner.skip(&self.last_ctx.0) {
            return Some(self.last_ctx.1.clone());
        }
        if skip_null(scanner) {
            return Some(Ctx::default());
        }
        let start = scanner.pos();
        scanner.value_inside(1).ok()?;
        self.cached_ctx(scanner.slice((start, scanner.pos())))
    }
}

/// Sets a field that may be written once; a repeated key is not ordinary.
fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

fn skip_null(scanner: &mut Scanner<'_>) -> bool {
    scanner.peek() == Some(b'n') && scanner.value().is_ok()
}

fn kind_of(name: &str) -> EventKind {
    EventKind::known(name).unwrap_or_else(|| EventKind::Unknown(Text::new(name)))
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
                Payload::from_parts(chunk.part((start, end)), slots)
            }
            SeenPayload::Unread((start, end)) => Payload::found(&kind, chunk.part((start, end))),
        };
        Some(TraceEvent {
            event_id: chunk.part(self.event_id?),
            request_id: chunk.part(self.request_id?),
            kind,
            op_name: match self.op_name {
                Some(OpName::Named(range)) => Some(chunk.part(range)),
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
