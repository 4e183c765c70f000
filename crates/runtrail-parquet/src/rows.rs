//! Rows on their way to columns.

mod events;
mod links;
mod scope;
mod spans;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int16Builder, Int64Builder, ListBuilder, RecordBatch,
    StringBuilder, StringViewBuilder, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::datatypes::{Field, SchemaRef};
use arrow::error::ArrowError;
use runtrail_core::span::Usage;
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

pub(crate) use events::{EventRows, Misfits, event_bytes};
pub(crate) use links::push_link;
use scope::Scope;
pub(crate) use spans::{push_group, push_op, push_run};

use crate::encode::OwnColumn;
use crate::schema::{Kind, Layout, arrow_schema, columns, layout, list_element, schema_for_arrow};
use crate::settings::Table;

/// Rows are made columns of about this many bytes at a time.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_ROWS: usize = 8192;

/// Bytes of content that waiting rows keep together.
const CONTENT_BLOCK: u32 = 128 << 10;

/// What a row costs beside its text: fixed-size values, offsets and validity.
const ROW_OVERHEAD: usize = 64;

/// A column in progress. Rows at its end that have no value are only counted.
struct Column {
    values: Values,
    len: usize,
    /// The column of the latest batch in which no row had a value, for the next one.
    nulls: Option<ArrayRef>,
}

enum Values {
    Text(StringBuilder),
    Content(StringViewBuilder),
    /// What goes to its pages without an array; the number among those columns.
    Own(usize),
    Texts(ListBuilder<StringBuilder>),
    Time(TimestampMicrosecondBuilder),
    Nanos(Int16Builder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Flag(BooleanBuilder),
}

impl Column {
    /// Accounts for the rows up to `row`, and for one that is about to be appended.
    fn reach(&mut self, row: usize) {
        let missing = row - self.len;
        self.len = row + 1;
        if missing == 0 {
            return;
        }
        match &mut self.values {
            Values::Text(column) => column.append_nulls(missing),
            Values::Content(column) => (0..missing).for_each(|_| column.append_null()),
            Values::Own(_) => {}
            Values::Texts(column) => column.append_nulls(missing),
            Values::Time(column) => column.append_nulls(missing),
            Values::Nanos(column) => column.append_nulls(missing),
            Values::Integer(column) => column.append_nulls(missing),
            Values::Float(column) => column.append_nulls(missing),
            Values::Flag(column) => column.append_nulls(missing),
        }
    }
}

/// Collects the rows of one table. A row is pushed column by column, in the order of the schema.
pub(crate) struct RowBuilder {
    schema: SchemaRef,
    columns: Vec<Column>,
    own: Vec<OwnColumn>,
    at: usize,
    rows: usize,
    bytes: usize,
}

impl RowBuilder {
    pub(crate) fn new(table: Table) -> Self {
        let columns = columns(table)
            .iter()
            .enumerate()
            .map(|(index, &(_, kind, _))| Column {
                values: values(kind, index + 1),
                len: 0,
                nulls: None,
            });
        Self {
            schema: arrow_schema(table),
            columns: columns.collect(),
            own: Vec::new(),
            at: 0,
            rows: 0,
            bytes: 0,
        }
    }

    /// Makes a builder that puts texts straight into their columns; the batches that it makes have
    /// the other ones.
    pub(crate) fn onto(table: Table, own: Vec<OwnColumn>) -> Self {
        let mut rows = Self::new(table);
        rows.schema = schema_for_arrow(table);
        let mut number = 0..own.len();
        for (column, described) in rows.columns.iter_mut().zip(columns(table)) {
            if layout(described) != Layout::Arrow
                && let Some(number) = number.next()
            {
                column.values = Values::Own(number);
            }
        }
        Self { own, ..rows }
    }

    pub(crate) fn own(&mut self) -> &mut Vec<OwnColumn> {
        &mut self.own
    }

    pub(crate) fn into_own(self) -> Vec<OwnColumn> {
        self.own
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of values, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there are enough rows to make columns of them.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES || self.rows >= BATCH_ROWS
    }

    /// Steps over columns of the row that have no value.
    pub(crate) fn skip(&mut self, columns: usize) {
        for _ in 0..columns {
            if let Values::Own(number) = self.columns[self.at].values
                && let OwnColumn::Content(column) = &mut self.own[number]
            {
                column.push(None);
            }
            self.step();
        }
    }

    fn step(&mut self) {
        self.at += 1;
        if self.at == self.columns.len() {
            self.at = 0;
            self.rows += 1;
            self.bytes += ROW_OVERHEAD;
        }
    }

    /// Steps to the next column, and gives the one at hand to append a value to.
    fn next(&mut self) -> &mut Values {
        let (at, row) = (self.at, self.rows);
        self.step();
        let column = &mut self.columns[at];
        column.reach(row);
        &mut column.values
    }

    pub(crate) fn text(&mut self, value: Option<&str>) {
        let Some(value) = value else {
            return self.skip(1);
        };
        self.bytes += value.len();
        if let Values::Own(number) = self.columns[self.at].values {
            match &mut self.own[number] {
                OwnColumn::Content(column) => column.push(Some(value)),
                OwnColumn::Dictionary(column) => {
                    let value = column.number_of(value);
                    column.push(self.rows, value);
                }
            }
            return self.step();
        }
        match self.next() {
            Values::Text(column) => column.append_value(value),
            Values::Content(column) => column.append_value(value),
            _ => debug_assert!(false, "the column holds no text"),
        }
    }

    pub(crate) fn texts<'a>(&mut self, values: impl Iterator<Item = &'a str>) {
        let mut bytes = 0;
        if let Values::Own(number) = self.columns[self.at].values {
            if let OwnColumn::Dictionary(column) = &mut self.own[number] {
                let values = values.inspect(|value| bytes += value.len() + 4);
                let list = column.number_of_list(values);
                column.push(self.rows, list);
            }
            self.bytes += bytes;
            return self.step();
        }
        match self.next() {
            Values::Texts(column) => {
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

    /// A path of scopes, and the same as one text: two columns.
    pub(crate) fn scope(&mut self, scope: &mut Scope) {
        let (list, path) = (&self.columns[self.at].values, self.columns.get(self.at + 1));
        if let (
            Values::Own(list),
            Some(&Column {
                values: Values::Own(path),
                ..
            }),
        ) = (list, path)
            && let Some([OwnColumn::Dictionary(list), OwnColumn::Dictionary(path)]) =
                self.own.get_disjoint_mut([*list, path]).ok()
        {
            let numbers = scope.numbers.get_or_insert_with(|| {
                (
                    list.number_of_list(scope.ctx.segments().iter().map(Text::as_str)),
                    path.number_of(&scope.path),
                )
            });
            list.push(self.rows, numbers.0);
            path.push(self.rows, numbers.1);
            self.step();
            self.step();
            return;
        }
        self.texts(scope.ctx.segments().iter().map(Text::as_str));
        self.text(Some(&scope.path));
    }

    pub(crate) fn integer(&mut self, value: Option<i64>) {
        let Some(value) = value else {
            return self.skip(1);
        };
        match self.next() {
            Values::Integer(column) => column.append_value(value),
            _ => debug_assert!(false, "the column holds no integers"),
        }
    }

    pub(crate) fn count(&mut self, value: u64) {
        self.integer(i64::try_from(value).ok());
    }

    pub(crate) fn float(&mut self, value: Option<f64>) {
        let Some(value) = value else {
            return self.skip(1);
        };
        match self.next() {
            Values::Float(column) => column.append_value(value),
            _ => debug_assert!(false, "the column holds no floats"),
        }
    }

    pub(crate) fn flag(&mut self, value: bool) {
        match self.next() {
            Values::Flag(column) => column.append_value(value),
            _ => debug_assert!(false, "the column holds no flags"),
        }
    }

    /// A time and the nanoseconds beside it: two columns.
    pub(crate) fn time(&mut self, value: Option<Timestamp>) {
        let Some(value) = value else {
            return self.skip(2);
        };
        match self.next() {
            Values::Time(column) => column.append_value(value.micros()),
            _ => debug_assert!(false, "the column holds no times"),
        }
        if value.nanos() == 0 {
            return self.skip(1);
        }
        match self.next() {
            Values::Nanos(column) => column.append_value(value.nanos() as i16),
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
        let rows = self.rows;
        for column in &mut self.own {
            if let OwnColumn::Dictionary(column) = column {
                column.end_window(rows);
            }
        }
        let columns = self.columns.iter_mut();
        let columns = columns.filter(|column| !matches!(column.values, Values::Own(_)));
        let columns = columns.zip(self.schema.fields());
        let arrays = columns.map(|(column, field)| finish_column(column, field, rows));
        let batch = RecordBatch::try_new(self.schema.clone(), arrays.collect());
        self.rows = 0;
        self.bytes = 0;
        batch
    }
}

fn values(kind: Kind, id: usize) -> Values {
    match kind {
        Kind::Text => Values::Text(StringBuilder::with_capacity(0, 0)),
        Kind::Content => Values::Content(
            // Blocks that grow would be kept half empty by every batch.
            StringViewBuilder::new().with_fixed_block_size(CONTENT_BLOCK),
        ),
        Kind::Texts => {
            let values = ListBuilder::with_capacity(StringBuilder::with_capacity(0, 0), 0);
            Values::Texts(values.with_field(list_element(id)))
        }
        Kind::Time => {
            Values::Time(TimestampMicrosecondBuilder::with_capacity(0).with_timezone("UTC"))
        }
        Kind::Nanos => Values::Nanos(Int16Builder::with_capacity(0)),
        Kind::Integer => Values::Integer(Int64Builder::with_capacity(0)),
        Kind::Float => Values::Float(Float64Builder::with_capacity(0)),
        Kind::Flag => Values::Flag(BooleanBuilder::with_capacity(0)),
    }
}

fn finish_column(column: &mut Column, field: &Field, rows: usize) -> ArrayRef {
    if column.len == 0 {
        let nulls = column.nulls.take().filter(|nulls| nulls.len() == rows);
        let nulls = nulls.unwrap_or_else(|| new_null_array(field.data_type(), rows));
        column.nulls = Some(Arc::clone(&nulls));
        column.len = 0;
        return nulls;
    }
    if rows > column.len {
        column.reach(rows);
    }
    column.len = 0;
    match &mut column.values {
        Values::Text(column) => {
            // The next rows are much like these: a builder that began empty would copy them over
            // and over while it doubles.
            let next = StringBuilder::with_capacity(rows, column.values_slice().len());
            Arc::new(std::mem::replace(column, next).finish())
        }
        Values::Content(column) => Arc::new(column.finish()),
        Values::Own(_) => new_null_array(field.data_type(), rows),
        Values::Texts(column) => Arc::new(column.finish()),
        Values::Time(column) => Arc::new(column.finish()),
        Values::Nanos(column) => Arc::new(column.finish()),
        Values::Integer(column) => Arc::new(column.finish()),
        Values::Float(column) => Arc::new(column.finish()),
        Values::Flag(column) => Arc::new(column.finish()),
    }
}
