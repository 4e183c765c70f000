//! Rows on their way to columns.

mod events;
mod spans;

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int16Builder, Int64Builder,
    ListBuilder, RecordBatch, StringBuilder, StringViewBuilder, TimestampMicrosecondBuilder,
};
use arrow::error::ArrowError;
use runtrail_core::span::Usage;
use runtrail_core::time::Timestamp;

pub(crate) use events::{Misfits, push_event};
pub(crate) use spans::{push_group, push_op, push_run};

use crate::schema::{Kind, arrow_schema, columns, list_element};
use crate::settings::Table;

/// What a row costs beside its text: fixed-size values, offsets and validity.
const ROW_OVERHEAD: usize = 64;

enum ColumnBuilder {
    Text(StringBuilder),
    Content(StringViewBuilder),
    Texts(ListBuilder<StringBuilder>),
    Time(TimestampMicrosecondBuilder),
    Nanos(Int16Builder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Flag(BooleanBuilder),
}

/// Collects the rows of one table. A row is pushed column by column, in the order of the schema.
pub(crate) struct RowBuilder {
    table: Table,
    columns: Vec<ColumnBuilder>,
    at: usize,
    rows: usize,
    bytes: usize,
}

impl RowBuilder {
    pub(crate) fn new(table: Table) -> Self {
        let columns = columns(table)
            .iter()
            .enumerate()
            .map(|(index, &(_, kind, _))| builder(kind, index + 1));
        Self {
            table,
            columns: columns.collect(),
            at: 0,
            rows: 0,
            bytes: 0,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of values, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn next(&mut self) -> &mut ColumnBuilder {
        let at = self.at;
        self.at += 1;
        if self.at == self.columns.len() {
            self.at = 0;
            self.rows += 1;
            self.bytes += ROW_OVERHEAD;
        }
        &mut self.columns[at]
    }

    pub(crate) fn text(&mut self, value: Option<&str>) {
        self.bytes += value.map_or(0, str::len);
        match self.next() {
            ColumnBuilder::Text(column) => column.append_option(value),
            ColumnBuilder::Content(column) => column.append_option(value),
            _ => debug_assert!(false, "the column holds no text"),
        }
    }

    pub(crate) fn texts<'a>(&mut self, values: impl Iterator<Item = &'a str>) {
        let mut bytes = 0;
        match self.next() {
            ColumnBuilder::Texts(column) => {
                for value in values {
                    bytes += value.len() + 4;
                    column.values().append_value(value);
                }
                column.append(true);
            }
            _ => debug_assert!(false, "the column holds no list"),
        }
        self.bytes += bytes;
    }

    pub(crate) fn integer(&mut self, value: Option<i64>) {
        match self.next() {
            ColumnBuilder::Integer(column) => column.append_option(value),
            _ => debug_assert!(false, "the column holds no integers"),
        }
    }

    pub(crate) fn count(&mut self, value: u64) {
        self.integer(i64::try_from(value).ok());
    }

    pub(crate) fn float(&mut self, value: Option<f64>) {
        match self.next() {
            ColumnBuilder::Float(column) => column.append_option(value),
            _ => debug_assert!(false, "the column holds no floats"),
        }
    }

    pub(crate) fn flag(&mut self, value: bool) {
        match self.next() {
            ColumnBuilder::Flag(column) => column.append_value(value),
            _ => debug_assert!(false, "the column holds no flags"),
        }
    }

    /// A time and the nanoseconds beside it: two columns.
    pub(crate) fn time(&mut self, value: Option<Timestamp>) {
        match self.next() {
            ColumnBuilder::Time(column) => column.append_option(value.map(Timestamp::micros)),
            _ => debug_assert!(false, "the column holds no times"),
        }
        let nanos = value.map(Timestamp::nanos).filter(|nanos| *nanos > 0);
        match self.next() {
            ColumnBuilder::Nanos(column) => column.append_option(nanos.map(|nanos| nanos as i16)),
            _ => debug_assert!(false, "the column holds no nanoseconds"),
        }
    }

    /// Tokens and cost: four columns.
    pub(crate) fn usage(&mut self, usage: &Usage) {
        self.integer(usage.prompt_tokens);
        self.integer(usage.completion_tokens);
        self.integer(usage.total_tokens);
        self.float(usage.cost_usd);
    }

    /// Ends the collection.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        self.bytes = 0;
        let arrays = self.columns.iter_mut().map(finish_column);
        RecordBatch::try_new(arrow_schema(self.table), arrays.collect())
    }
}

fn builder(kind: Kind, id: usize) -> ColumnBuilder {
    match kind {
        Kind::Text => ColumnBuilder::Text(StringBuilder::with_capacity(0, 0)),
        Kind::Content => ColumnBuilder::Content(StringViewBuilder::new()),
        Kind::Texts => {
            let values = ListBuilder::with_capacity(StringBuilder::with_capacity(0, 0), 0);
            ColumnBuilder::Texts(values.with_field(list_element(id)))
        }
        Kind::Time => {
            ColumnBuilder::Time(TimestampMicrosecondBuilder::with_capacity(0).with_timezone("UTC"))
        }
        Kind::Nanos => ColumnBuilder::Nanos(Int16Builder::with_capacity(0)),
        Kind::Integer => ColumnBuilder::Integer(Int64Builder::with_capacity(0)),
        Kind::Float => ColumnBuilder::Float(Float64Builder::with_capacity(0)),
        Kind::Flag => ColumnBuilder::Flag(BooleanBuilder::with_capacity(0)),
    }
}

fn finish_column(column: &mut ColumnBuilder) -> ArrayRef {
    match column {
        ColumnBuilder::Text(column) => {
            // The next rows are much like these: a builder that began empty would copy them over
            // and over while it doubles.
            let next = StringBuilder::with_capacity(column.len(), column.values_slice().len());
            Arc::new(std::mem::replace(column, next).finish())
        }
        ColumnBuilder::Content(column) => Arc::new(column.finish()),
        ColumnBuilder::Texts(column) => Arc::new(column.finish()),
        ColumnBuilder::Time(column) => Arc::new(column.finish()),
        ColumnBuilder::Nanos(column) => Arc::new(column.finish()),
        ColumnBuilder::Integer(column) => Arc::new(column.finish()),
        ColumnBuilder::Float(column) => Arc::new(column.finish()),
        ColumnBuilder::Flag(column) => Arc::new(column.finish()),
    }
}
