//! Values of fields.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(String),
}

impl Value {
    /// A number of tokens: also as a float or as text, as instrumentation in the wild has it.
    pub(crate) fn tokens(&self) -> Option<u64> {
        match self {
            Self::U64(number) => Some(*number),
            Self::I64(number) => u64::try_from(*number).ok(),
            Self::F64(number) if *number >= 0.0 && number.fract() == 0.0 => Some(*number as u64),
            Self::Text(text) => text.parse().ok(),
            Self::F64(_) | Self::Bool(_) => None,
        }
    }

    pub(crate) fn float(&self) -> Option<f64> {
        match self {
            Self::F64(number) => Some(*number),
            Self::U64(number) => Some(*number as f64),
            Self::I64(number) => Some(*number as f64),
            Self::Text(text) => text.parse().ok(),
            Self::Bool(_) => None,
        }
    }

    /// The value as text; a name is what it is, without quotes.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::I64(value) => value.to_string(),
            Self::U64(value) => value.to_string(),
            Self::F64(value) => value.to_string(),
            Self::Text(value) => value,
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::I64(value) => serializer.serialize_i64(*value),
            Self::U64(value) => serializer.serialize_u64(*value),
            Self::F64(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

/// Fields in their order, as an object.
#[derive(Debug, Default)]
pub(crate) struct Object(pub(crate) Vec<(&'static str, Value)>);

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
