//! Conditions of a statement, and their values.

use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use rusqlite::types::Value;

use crate::query::{Cursor, TimeRange};

/// Conditions that must all hold. What is foreign is only ever a value, never part of the text.
#[derive(Debug, Default)]
pub(super) struct Filter {
    conditions: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Filter {
    /// Adds a condition with a `?` for each of its values.
    pub(super) fn and(
        &mut self,
        condition: impl Into<String>,
        values: impl IntoIterator<Item = Value>,
    ) {
        self.conditions.push(condition.into());
        self.values.extend(values);
    }

    /// Adds that a column is this text, if one is wanted.
    pub(super) fn and_text(&mut self, condition: &str, wanted: Option<&Text>) {
        if let Some(text) = wanted {
            self.and(condition, [text_value(text)]);
        }
    }

    /// Adds that a column is this flag, if one is wanted.
    pub(super) fn and_flag(&mut self, column: &str, wanted: Option<bool>) {
        if let Some(flag) = wanted {
            self.and(format!("{column} = {}", u8::from(flag)), []);
        }
    }

    /// Adds a range over columns `ts` and `ns` of a table.
    pub(super) fn and_range(&mut self, table: &str, range: &TimeRange) {
        if let Some(from) = range.from {
            self.and(
                format!("({table}.ts, {table}.ns) >= (?, ?)"),
                time_values(from),
            );
        }
        if let Some(until) = range.until {
            self.and(
                format!("({table}.ts, {table}.ns) <= (?, ?)"),
                time_values(until),
            );
        }
    }

    /// Adds that rows come after a place in ascending order, and lie in a range.
    ///
    /// Only one of two lower bounds is stated, the one that says more: with both, SQLite may seek
    /// by the lesser one and read everything in between.
    pub(super) fn and_after(
        &mut self,
        (table, id): (&str, &str),
        range: &TimeRange,
        after: Option<&Cursor>,
    ) {
        let mut range = *range;
        if let Some(after) = after.filter(|at| range.from.is_none_or(|from| from <= at.timestamp)) {
            range.from = None;
            self.and(
                format!("({table}.ts, {table}.ns, {table}.{id}) > (?, ?, ?)"),
                place_values(after),
            );
        }
        self.and_range(table, &range);
    }

    /// Adds that rows come after a place in descending order, and lie in a range.
    pub(super) fn and_before(
        &mut self,
        (table, id): (&str, &str),
        range: &TimeRange,
        after: Option<&Cursor>,
    ) {
        let mut range = *range;
        if let Some(after) =
            after.filter(|at| range.until.is_none_or(|until| at.timestamp <= until))
        {
            range.until = None;
            self.and(
                format!("({table}.ts, {table}.ns, {table}.{id}) < (?, ?, ?)"),
                place_values(after),
            );
        }
        self.and_range(table, &range);
    }

    /// Returns the conditions as they stand in a statement.
    pub(super) fn sql(&self) -> String {
        if self.conditions.is_empty() {
            return String::new();
        }
        format!(" WHERE {}", self.conditions.join(" AND "))
    }
}

pub(super) fn text_value(text: &Text) -> Value {
    Value::Text(text.to_string())
}

pub(super) fn time_values(time: Timestamp) -> [Value; 2] {
    [
        Value::Integer(time.micros()),
        Value::Integer(i64::from(time.nanos())),
    ]
}

pub(super) fn place_values(place: &Cursor) -> [Value; 3] {
    let [ts, ns] = time_values(place.timestamp);
    [ts, ns, text_value(&place.id)]
}

/// Reads a time from two columns.
pub(super) fn time_at(row: &rusqlite::Row<'_>, ts: usize) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp::from_parts(row.get(ts)?, row.get(ts + 1)?))
}

/// Reads a text from a column.
pub(super) fn text_at(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Text> {
    row.get::<_, String>(index).map(Text::new)
}

/// Reads a text that may be missing from a column.
pub(super) fn optional_text_at(
    row: &rusqlite::Row<'_>,
    index: usize,
) -> rusqlite::Result<Option<Text>> {
    let text: Option<String> = row.get(index)?;
    Ok(text.map(Text::new))
}

/// Reads a count from a column.
pub(super) fn count_at(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let count: i64 = row.get(index)?;
    u64::try_from(count).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, count))
}
