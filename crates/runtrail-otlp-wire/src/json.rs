//! OTLP/JSON: ids in lower-case hex, 64-bit integers as strings, enums as integers, defaults left
//! out.

mod value;

use serde::{Deserialize, Deserializer};

use crate::WireError;
use crate::model::{Request, Span};

/// Writes a request as one line, without the newline.
pub fn request(request: &Request<'_>) -> String {
    // Strings, numbers and lists always have a JSON form.
    serde_json::to_string(request).unwrap_or_default()
}

/// Writes a span as one line, without the newline.
pub fn span(span: &Span<'_>) -> String {
    serde_json::to_string(span).unwrap_or_default()
}

/// Reads a request.
pub fn read_request(text: &str) -> Result<Request<'_>, WireError> {
    serde_json::from_str(text).map_err(|error| WireError::Json(error.to_string()))
}

/// Reads a span.
pub fn read_span(text: &str) -> Result<Span<'_>, WireError> {
    serde_json::from_str(text).map_err(|error| WireError::Json(error.to_string()))
}

/// Reads a field that may be `null`, which is its default.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Ids.
pub(crate) mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer, const N: usize>(
        id: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&written(id))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        read(&text).ok_or_else(|| D::Error::custom(format!("an id is not {} hex digits", 2 * N)))
    }

    pub(super) fn written(id: &[u8]) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        id.iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }

    pub(super) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
        let mut id = [0; N];
        if text.len() != 2 * N {
            return text.is_empty().then_some(id);
        }
        for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            *byte = (digit(0)? * 16 + digit(1)?) as u8;
        }
        Some(id)
    }
}

/// Ids that may be missing; empty and all zero is missing.
pub(crate) mod maybe_hex {
    use serde::{Deserializer, Serializer};

    // Serde hands a reference to the field.
    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(
        id: &Option<[u8; 8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::hex::serialize(&id.unwrap_or_default(), serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 8]>, D::Error> {
        let id: [u8; 8] = super::hex::deserialize(deserializer)?;
        Ok((id != [0; 8]).then_some(id))
    }
}

/// 64-bit integers: written as strings, read as either.
pub(crate) mod number {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    // Serde hands a reference to the field.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 64-bit integer, as a number or a string")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
                Ok(number)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Number)
    }
}
