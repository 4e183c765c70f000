//! Reading a TOML table key by key, noting what is wrong and going on.

mod document;
mod json;

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) use document::Document;

use super::problem::did_you_mean;
use super::units;

/// A table, and which of its keys were asked for.
pub(super) struct Section<'t, 'i> {
    table: &'t DeTable<'i>,
    span: Range<usize>,
    known: Vec<&'static str>,
}

/// A value and where it stands.
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'t, 'i> Section<'t, 'i> {
    pub(super) fn new(table: &'t DeTable<'i>, span: Range<usize>) -> Self {
        Self {
            table,
            span,
            known: Vec::new(),
        }
    }

    /// Where the table stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where a key's value stands, or else the table.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table
            .get(key)
            .map_or_else(|| self.span(), Spanned::span)
    }

    fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Reads a key by a function that gives `None` where the value does not fit.
    fn read<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        document: &mut Document<'_>,
        read: impl FnOnce(&'t DeValue<'i>) -> Option<T>,
    ) -> Option<At<T>> {
        let found = self.get(key)?;
        let span = found.span();
        match read(found.get_ref()) {
            Some(value) => Some(At { value, span }),
            None => {
                let kind = found.get_ref().type_str();
                let message = format!("`{key}` must be {wanted}, and is {}", article(kind));
                document.problem(&span, message, None);
                None
            }
        }
    }

    pub(super) fn string(
        &mut self,
        key: &'static str,
        to: &mut Document<'_>,
    ) -> Option<At<&'t str>> {
        self.read(key, "a string", to, DeValue::as_str)
    }

    pub(super) fn strings(
        &mut self,
        key: &'static str,
        to: &mut Document<'_>,
    ) -> Option<At<Vec<String>>> {
        self.read(key, "a list of strings", to, |value| {
            let items = value.as_array()?.iter();
            items
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect()
        })
    }

    /// Reads a whole number that is not negative and fits the type.
    pub(super) fn number<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        to: &mut Document<'_>,
    ) -> Option<T> {
        let read = self.read(key, "a whole number, not negative", to, |value| {
            T::try_from(unsigned(value)?).ok()
        });
        read.map(|at| at.value)
    }

    pub(super) fn float(&mut self, key: &'static str, to: &mut Document<'_>) -> Option<f64> {
        let read = self.read(key, "a number", to, |value| match value {
            DeValue::Integer(_) => unsigned(value).map(|number| number as f64),
            _ => value.as_float()?.as_str().parse().ok(),
        });
        read.map(|at| at.value)
    }

    pub(super) fn boolean(&mut self, key: &'static str, to: &mut Document<'_>) -> Option<bool> {
        let read = self.read(key, "true or false", to, DeValue::as_bool);
        read.map(|at| at.value)
    }

    /// Reads a number of bytes: a whole number, or a string with a unit.
    pub(super) fn bytes<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        to: &mut Document<'_>,
    ) -> Option<T> {
        let read = self.read(key, "a size such as \"64MiB\"", to, |value| {
            let bytes = match value.as_str() {
                Some(text) => units::bytes(text),
                None => unsigned(value),
            };
            T::try_from(bytes?).ok()
        });
        read.map(|at| at.value)
    }

    pub(super) fn duration(
        &mut self,
        key: &'static str,
        to: &mut Document<'_>,
    ) -> Option<Duration> {
        let read = self.read(key, "a time such as \"30s\" or \"200ms\"", to, |value| {
            units::duration(value.as_str()?)
        });
        read.map(|at| at.value)
    }

    /// Reads a table whose keys are free, each value as a JSON text.
    pub(super) fn json_fields(
        &mut self,
        key: &'static str,
        to: &mut Document<'_>,
    ) -> Option<Vec<(String, String)>> {
        let wanted = "a table of strings, numbers, booleans, lists and tables";
        let read = self.read(key, wanted, to, |value| json::fields(value.as_table()?));
        read.map(|at| at.value)
    }

    /// Reads a table of strings whose keys are free.
    #[cfg(feature = "otlp")]
    pub(super) fn string_fields(
        &mut self,
        key: &'static str,
        to: &mut Document<'_>,
    ) -> Vec<(String, String)> {
        let read = self.read(key, "a table of strings", to, |value| {
            let fields = value.as_table()?.iter();
            fields
                .map(|(key, value)| {
                    let value = value.get_ref().as_str()?;
                    Some((key.get_ref().to_string(), value.to_owned()))
                })
                .collect::<Option<Vec<_>>>()
        });
        read.map(|at| at.value).unwrap_or_default()
    }

    pub(super) fn table(
        &mut self,
        key: &'static str,
        to: &mut Document<'_>,
    ) -> Option<Section<'t, 'i>> {
        let read = self.read(key, "a table", to, DeValue::as_table);
        read.map(|at| Section::new(at.value, at.span))
    }

    /// Reads a list of tables; one that is not there is empty.
    pub(super) fn tables(
        &mut self,
        key: &'static str,
        to: &mut Document<'_>,
    ) -> Vec<Section<'t, 'i>> {
        let read = self.read(key, "a list of tables", to, |value| {
            let items = value.as_array()?.iter();
            items
                .map(|item| Some(Section::new(item.get_ref().as_table()?, item.span())))
                .collect::<Option<Vec<_>>>()
        });
        read.map(|at| at.value).unwrap_or_default()
    }

    /// Notes a key that would change nothing here; `why` says so of it.
    pub(super) fn refuse(&mut self, key: &'static str, why: &str, to: &mut Document<'_>) {
        match self.get(key) {
            Some(found) => to.problem(&found.span(), format!("`{key}` {why}"), None),
            // Where it is not said, it must not be offered in the place of another.
            None => drop(self.known.pop()),
        }
    }

    /// Notes the keys that nobody asked for.
    pub(super) fn finish(self, to: &mut Document<'_>) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) {
                let help = did_you_mean(name, self.known.iter().copied());
                to.problem(&key.span(), format!("unknown key `{name}`"), help);
            }
        }
    }
}

fn unsigned(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}
