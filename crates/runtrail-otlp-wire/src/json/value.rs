//! Values: an object whose one key says the type.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{Attr, Value};

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Empty => {}
            Self::Str(text) => map.serialize_entry("stringValue", text)?,
            Self::Bool(value) => map.serialize_entry("boolValue", value)?,
            Self::Int(number) => map.serialize_entry("intValue", &number.to_string())?,
            Self::Double(number) if number.is_finite() => {
                map.serialize_entry("doubleValue", number)?;
            }
            Self::Double(number) => map.serialize_entry("doubleValue", not_finite(*number))?,
            Self::Array(values) => map.serialize_entry("arrayValue", &List { values })?,
            Self::Map(values) => map.serialize_entry("kvlistValue", &List { values })?,
            Self::Bytes(bytes) => {
                map.serialize_entry("bytesValue", &BASE64_STANDARD.encode(bytes))?;
            }
        }
        map.end()
    }
}

fn not_finite(number: f64) -> &'static str {
    match number {
        n if n.is_nan() => "NaN",
        n if n > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

#[derive(Serialize)]
struct List<'v, T> {
    values: &'v [T],
}

/// A list as it is read.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct OwnList<T> {
    #[serde(default = "Vec::new")]
    values: Vec<T>,
}

/// A number that may be written as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number<'a> {
    Int(i64),
    Double(f64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneKey;

        impl<'de> Visitor<'de> for OneKey {
            type Value = Value<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object whose key says the value's type")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value<'de>, M::Error> {
                let mut value = Value::Empty;
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "stringValue" => value = Value::Str(map.next_value::<Text<'de>>()?.0),
                        "boolValue" => value = Value::Bool(map.next_value()?),
                        "intValue" => value = int(&map.next_value()?)?,
                        "doubleValue" => value = double(&map.next_value()?)?,
                        "arrayValue" => {
                            value = Value::Array(map.next_value::<OwnList<Value<'de>>>()?.values);
                        }
                        "kvlistValue" => {
                            value = Value::Map(map.next_value::<OwnList<Attr<'de>>>()?.values);
                        }
                        "bytesValue" => {
                            let text = map.next_value::<Cow<'de, str>>()?;
                            let bytes = BASE64_STANDARD.decode(text.as_bytes());
                            value = Value::Bytes(bytes.map_err(M::Error::custom)?.into());
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(value)
            }
        }

        deserializer.deserialize_map(OneKey)
    }
}

/// Text that is borrowed where it stands without escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn int<'a, E: Error>(number: &Number<'_>) -> Result<Value<'a>, E> {
    match number {
        Number::Int(number) => Ok(Value::Int(*number)),
        Number::Text(text) => text.parse().map(Value::Int).map_err(E::custom),
        Number::Double(_) => Err(E::custom("intValue is not a whole number")),
    }
}

fn double<'a, E: Error>(number: &Number<'_>) -> Result<Value<'a>, E> {
    match number {
        Number::Int(number) => Ok(Value::Double(*number as f64)),
        Number::Double(number) => Ok(Value::Double(*number)),
        Number::Text(text) => text.parse().map(Value::Double).map_err(E::custom),
    }
}
