//! The exact reader: any way of writing an event, and the reason where it is none.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{WireError, WireErrorKind, WireReader};
use crate::event::{Ctx, EventKind, Payload, TraceEvent, offset_in};
use crate::json::{push_string, repair};
use crate::text::Text;
use crate::time::Timestamp;

/// `seq` must fit a signed 64-bit column.
const MAX_SEQ: u64 = i64::MAX as u64;

impl WireReader {
    /// Reads the value at `start..end` of a chunk, which is valid JSON but for the `odds`.
    pub(super) fn exact(
        &self,
        chunk: &Text,
        start: usize,
        end: usize,
        odds: &[usize],
    ) -> Result<(TraceEvent, u32), WireError> {
        if odds.is_empty() {
            let value = chunk.slice(start..end);
            return self.exact_event(&value, start).map(|event| (event, 0));
        }
        let source = chunk.get(start..end).unwrap_or_default();
        let repaired = Text::new(repair(source, odds.iter().map(|at| at - start)));
        // Offsets in the repaired text are not offsets in the source, so the whole value is named.
        self.exact_event(&repaired, 0)
            .map(|event| (event, odds.len() as u32))
            .map_err(|error| WireError::new(error.kind(), start, end - start))
    }

    fn exact_event(&self, value: &Text, base: usize) -> Result<TraceEvent, WireError> {
        let fields = Envelope::read(value, base)?;
        let kind_name = fields.string("kind")?;
        let kind = EventKind::known(&kind_name)
            .unwrap_or_else(|| EventKind::Unknown(Text::new(kind_name)));
        Ok(TraceEvent {
            event_id: Text::new(fields.string("event_id")?),
            request_id: Text::new(fields.string("request_id")?),
            op_name: fields
                .present("op_name")
                .map(|_| fields.string("op_name").map(Text::new))
                .transpose()?,
            ctx: fields.ctx()?,
            timestamp: fields.timestamp(self.options.assume_offset_minutes)?,
            seq: fields.seq()?,
            payload: fields.payload(&kind)?,
            extra: fields.extra(),
            kind,
        })
    }
}

const KNOWN_FIELDS: [&str; 8] = [
    "event_id",
    "request_id",
    "kind",
    "op_name",
    "ctx",
    "timestamp",
    "seq",
    "payload",
];

/// The top-level fields of one value, in source order.
struct Envelope<'a> {
    whole: &'a Text,
    base: usize,
    fields: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Envelope<'a> {
    fn read(whole: &'a Text, base: usize) -> Result<Self, WireError> {
        let error = |kind| WireError::new(kind, base, whole.len());
        if !whole.starts_with('{') {
            return Err(error(WireErrorKind::NotAnObject));
        }
        let pairs: Pairs<'a> = serde_json::from_str(whole).map_err(|_| {
            error(WireErrorKind::Syntax {
                expected: "a JSON object",
            })
        })?;
        Ok(Self {
            whole,
            base,
            fields: pairs.0,
        })
    }

    /// The field's last value, unless it is null.
    fn present(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.fields.iter().rev().find(|(key, _)| key == name)?;
        (*value != "null").then_some(*value)
    }

    fn required(&self, field: &'static str) -> Result<&'a str, WireError> {
        self.present(field).ok_or_else(|| {
            WireError::new(
                WireErrorKind::Missing { field },
                self.base,
                self.whole.len(),
            )
        })
    }

    fn error(&self, value: &str, kind: WireErrorKind) -> WireError {
        WireError::new(kind, self.base + offset_in(self.whole, value), value.len())
    }

    fn string(&self, field: &'static str) -> Result<String, WireError> {
        let value = self.required(field)?;
        serde_json::from_str(value).map_err(|_| {
            self.error(
                value,
                WireErrorKind::WrongType {
                    field,
                    expected: "a string",
                },
            )
        })
    }

    fn ctx(&self) -> Result<Ctx, WireError> {
        let Some(value) = self.present("ctx") else {
            return Ok(Ctx::default());
        };
        let segments: Result<Vec<String>, _> = serde_json::from_str(value);
        let kind = WireErrorKind::WrongType {
            field: "ctx",
            expected: "a list of strings",
        };
        segments.map(Ctx::new).map_err(|_| self.error(value, kind))
    }

    fn timestamp(&self, assume: Option<i32>) -> Result<Timestamp, WireError> {
        let text = self.string("timestamp")?;
        Timestamp::parse_with(&text, assume).map_err(|kind| {
            let value = self.present("timestamp").unwrap_or_default();
            self.error(value, WireErrorKind::Time(kind))
        })
    }

    fn seq(&self) -> Result<u64, WireError> {
        let value = self.required("seq")?;
        let kind = WireErrorKind::WrongType {
            field: "seq",
            expected: "an integer from 0 to 2^63 - 1",
        };
        let number: Option<u64> = serde_json::from_str(value).ok();
        number
            .filter(|&seq| seq <= MAX_SEQ)
            .ok_or_else(|| self.error(value, kind))
    }

    fn payload(&self, kind: &EventKind) -> Result<Payload, WireError> {
        let Some(value) = self.present("payload") else {
            return Ok(Payload::empty());
        };
        if !value.starts_with('{') {
            let kind = WireErrorKind::WrongType {
                field: "payload",
                expected: "an object",
            };
            return Err(self.error(value, kind));
        }
        let start = offset_in(self.whole, value);
        Ok(Payload::found(
            kind,
            self.whole.slice(start..start + value.len()),
        ))
    }

    fn extra(&self) -> Option<Text> {
        let mut object = String::new();
        for (key, value) in self
            .fields
            .iter()
            .filter(|(key, _)| !KNOWN_FIELDS.contains(&&**key))
        {
            object.push(if object.is_empty() { '{' } else { ',' });
            push_string(&mut object, key);
            object.push(':');
            object.push_str(value);
        }
        (!object.is_empty()).then(|| Text::new(object + "}"))
    }
}

/// An object's fields as they stand, repeated keys included.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    let value: &'de RawValue = map.next_value()?;
                    pairs.push((key, value.get()));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
