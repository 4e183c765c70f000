//! The tables' columns.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::settings::Table;

/// Names this form of the tables in every file's metadata. Columns are only ever added at the end.
pub const SCHEMA_VERSION: &str = "1";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// Text of users: long, unlike each other, and never compared by readers.
    Content,
    Texts,
    Time,
    Nanos,
    Integer,
    Float,
    Flag,
}

use Kind::{Content, Flag, Float, Integer, Nanos, Text, Texts, Time};

/// A column: its name, what it holds, and whether it is never null.
pub(crate) type Column = (&'static str, Kind, bool);

const EVENTS: &[Column] = &[
    ("event_id", Text, true),
    ("request_id", Text, true),
    ("kind", Text, true),
    ("op_name", Text, false),
    ("ctx", Texts, false),
    ("ctx_path", Text, false),
    ("timestamp", Time, true),
    ("timestamp_nanos", Nanos, false),
    ("seq", Integer, true),
    ("status", Text, false),
    ("duration_ms", Float, false),
    ("yield_index", Integer, false),
    ("yield_count", Integer, false),
    ("annotation_key", Text, false),
    ("group_name", Text, false),
    ("llm_model", Text, false),
    ("llm_prompt_tokens", Integer, false),
    ("llm_completion_tokens", Integer, false),
    ("llm_total_tokens", Integer, false),
    ("llm_cost_usd", Float, false),
    ("media_handle", Text, false),
    ("media_mime", Text, false),
    ("media_size_bytes", Integer, false),
    ("payload", Content, false),
    ("extra", Content, false),
];

const OPS: &[Column] = &[
    ("request_id", Text, true),
    ("op_name", Text, true),
    ("ctx", Texts, false),
    ("occurrence", Integer, true),
    ("span_id", Text, true),
    ("parent_span_id", Text, false),
    ("parent_rule", Text, true),
    ("group_name", Text, false),
    ("group_span_id", Text, false),
    ("depth", Integer, false),
    ("started_at", Time, false),
    ("started_at_nanos", Nanos, false),
    ("ended_at", Time, false),
    ("ended_at_nanos", Nanos, false),
    ("duration_ms", Float, false),
    ("status", Text, true),
    ("error_type", Text, false),
    ("error_message", Text, false),
    ("yield_count", Integer, false),
    ("llm_model", Text, false),
    ("llm_calls", Integer, false),
    ("llm_prompt_tokens", Integer, false),
    ("llm_completion_tokens", Integer, false),
    ("llm_total_tokens", Integer, false),
    ("llm_cost_usd", Float, false),
    ("inputs", Content, false),
    ("outputs", Content, false),
    ("annotations", Content, false),
    ("start_event_id", Text, false),
    ("end_event_id", Text, false),
    ("incomplete", Flag, true),
];

const GROUPS: &[Column] = &[
    ("request_id", Text, true),
    ("name", Text, true),
    ("occurrence", Integer, true),
    ("span_id", Text, true),
    ("parent_span_id", Text, false),
    ("started_at", Time, false),
    ("started_at_nanos", Nanos, false),
    ("ended_at", Time, false),
    ("ended_at_nanos", Nanos, false),
    ("duration_ms", Float, false),
    ("status", Text, true),
    ("ops", Integer, false),
    ("errors", Integer, false),
    ("llm_calls", Integer, false),
    ("llm_prompt_tokens", Integer, false),
    ("llm_completion_tokens", Integer, false),
    ("llm_total_tokens", Integer, false),
    ("llm_cost_usd", Float, false),
    ("metadata", Content, false),
    ("incomplete", Flag, true),
];

const RUNS: &[Column] = &[
    ("request_id", Text, true),
    ("started_at", Time, false),
    ("started_at_nanos", Nanos, false),
    ("ended_at", Time, false),
    ("ended_at_nanos", Nanos, false),
    ("duration_ms", Float, false),
    ("status", Text, true),
    ("events", Integer, false),
    ("ops", Integer, false),
    ("errors", Integer, false),
    ("groups", Integer, false),
    ("truncated_ops", Integer, false),
    ("truncated_groups", Integer, false),
    ("anomalies", Integer, false),
    ("llm_calls", Integer, false),
    ("llm_prompt_tokens", Integer, false),
    ("llm_completion_tokens", Integer, false),
    ("llm_total_tokens", Integer, false),
    ("llm_cost_usd", Float, false),
    ("llm_models", Texts, false),
];

/// In front stand the columns of the links between runs as other systems keep them.
const LINKS: &[Column] = &[
    ("from_event_id", Text, false),
    ("from_request_id", Text, false),
    ("to_request_id", Text, true),
    ("trigger_id", Text, false),
    ("condition_id", Text, false),
    ("at", Time, true),
    ("at_nanos", Nanos, false),
    ("trigger_run_id", Text, false),
    ("source", Text, true),
    ("from_id", Text, false),
];

/// Columns of integers that mostly rise from row to row.
pub(crate) const RISING: &[&str] = &["seq", "yield_index"];

/// Columns of which nearly every row group holds every value.
pub(crate) const REPEATED: &[&str] = &[
    "kind",
    "op_name",
    "ctx_path",
    "status",
    "annotation_key",
    "group_name",
    "name",
    "parent_rule",
    "llm_model",
];

/// Columns of identifiers that hardly repeat.
pub(crate) const UNIQUE: &[&str] = &[
    "event_id",
    "span_id",
    "parent_span_id",
    "start_event_id",
    "end_event_id",
];

/// How a column's values go to its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Long text, at once.
    Content,
    /// Text that repeats, as the numbers of its values.
    Dictionary,
    /// By the Arrow writer.
    Arrow,
}

pub(crate) fn layout(&(name, kind, _): &Column) -> Layout {
    match kind {
        Content => Layout::Content,
        Text if !UNIQUE.contains(&name) => Layout::Dictionary,
        Texts => Layout::Dictionary,
        _ => Layout::Arrow,
    }
}

/// Returns a table's columns.
pub(crate) fn columns(table: Table) -> &'static [Column] {
    match table {
        Table::Events => EVENTS,
        Table::Ops => OPS,
        Table::Groups => GROUPS,
        Table::Runs => RUNS,
        Table::Links => LINKS,
    }
}

/// Returns the columns that the rows of a row group are ordered by; nulls come first.
pub(crate) fn order(table: Table) -> &'static [&'static str] {
    match table {
        Table::Events => &["request_id", "timestamp", "timestamp_nanos", "seq"],
        Table::Ops | Table::Groups | Table::Runs => {
            &["request_id", "started_at", "started_at_nanos"]
        }
        Table::Links => &["to_request_id", "at", "at_nanos"],
    }
}

/// Returns a table's Arrow schema. Every field carries its Parquet field id: the column's number
/// from 1, and 1000 more for the elements of a list.
pub fn arrow_schema(table: Table) -> SchemaRef {
    static SCHEMAS: LazyLock<[SchemaRef; Table::ALL.len()]> =
        LazyLock::new(|| Table::ALL.map(make_schema));
    Arc::clone(&SCHEMAS[table as usize])
}

/// Returns the part of a table's schema that the Arrow writer encodes.
pub(crate) fn schema_for_arrow(table: Table) -> SchemaRef {
    static SCHEMAS: LazyLock<[SchemaRef; Table::ALL.len()]> = LazyLock::new(|| {
        Table::ALL.map(|table| {
            let whole = arrow_schema(table);
            let fields = whole.fields().iter().zip(columns(table));
            let fields = fields.filter(|(_, column)| layout(column) == Layout::Arrow);
            let fields: Vec<_> = fields.map(|(field, _)| Arc::clone(field)).collect();
            Arc::new(Schema::new(fields))
        })
    });
    Arc::clone(&SCHEMAS[table as usize])
}

fn make_schema(table: Table) -> SchemaRef {
    let fields = columns(table)
        .iter()
        .enumerate()
        .map(|(index, &(name, kind, required))| {
            let id = index + 1;
            with_id(Field::new(name, data_type(kind, id), !required), id)
        });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

pub(crate) fn list_element(id: usize) -> Arc<Field> {
    Arc::new(with_id(
        Field::new("element", DataType::Utf8, true),
        1000 + id,
    ))
}

fn data_type(kind: Kind, id: usize) -> DataType {
    match kind {
        Text => DataType::Utf8,
        // Rows are put in order without copying it.
        Content => DataType::Utf8View,
        Texts => DataType::List(list_element(id)),
        Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Nanos => DataType::Int16,
        Integer => DataType::Int64,
        Float => DataType::Float64,
        Flag => DataType::Boolean,
    }
}

fn with_id(field: Field, id: usize) -> Field {
    field.with_metadata(HashMap::from([(
        "PARQUET:field_id".to_owned(),
        id.to_string(),
    )]))
}
