//! Rows of the events table as they stand in their columns.

use arrow::array::{
    Array, AsArray, Int16Array, Int64Array, ListArray, RecordBatch, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Int16Type, Int64Type, TimestampMicrosecondType};
use runtrail_core::time::Timestamp;

/// The columns that an event is made of; the others are promoted from its payload.
pub(super) const COLUMNS: &[&str] = &[
    "event_id",
    "request_id",
    "kind",
    "op_name",
    "ctx",
    "timestamp",
    "timestamp_nanos",
    "seq",
    "payload",
    "extra",
];

/// A row of the events table, borrowed from where it was decoded. Nothing of it is checked but that
/// texts are UTF-8: what a required column lacks is empty or 0, and [`EventRow::complete`] says so.
#[derive(Debug, Clone, Copy)]
pub struct EventRow<'a> {
    /// The row's number within the part, from 0.
    pub row: u64,
    /// Whether every required column has a value that an event can have.
    pub complete: bool,
    /// The event's identity.
    pub event_id: &'a str,
    /// The run.
    pub request_id: &'a str,
    /// What the event says.
    pub kind: &'a str,
    /// The op that it speaks of.
    pub op_name: Option<&'a str>,
    /// The segments of its ctx, root first.
    pub ctx: &'a [&'a str],
    /// When it happened.
    pub timestamp: Timestamp,
    /// Its number within its run.
    pub seq: u64,
    /// What it carries, as JSON text.
    pub payload: &'a str,
    /// Top-level fields of the source that have no column, as JSON text.
    pub extra: Option<&'a str>,
}

struct Columns<'b> {
    event_id: &'b StringViewArray,
    request_id: &'b StringViewArray,
    kind: &'b StringViewArray,
    op_name: &'b StringViewArray,
    ctx: &'b ListArray,
    segments: Vec<&'b str>,
    timestamp: &'b TimestampMicrosecondArray,
    nanos: &'b Int16Array,
    seq: &'b Int64Array,
    payload: &'b StringViewArray,
    extra: &'b StringViewArray,
}

/// Hands over rows until the callback says no, which is returned; `None` where a column is not of the
/// table's type.
pub(super) fn each_row(
    batch: &RecordBatch,
    numbers: &mut dyn Iterator<Item = u64>,
    row: &mut dyn FnMut(&EventRow<'_>) -> bool,
) -> Option<bool> {
    let columns = Columns::of(batch)?;
    for at in 0..batch.num_rows() {
        if !row(&columns.row(at, numbers.next().unwrap_or_default())) {
            return Some(false);
        }
    }
    Some(true)
}

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Option<Self> {
        let text = |name| batch.column_by_name(name)?.as_string_view_opt();
        let ctx = batch.column_by_name("ctx")?.as_list_opt::<i32>()?;
        let segments = ctx.values().as_string_opt::<i32>()?;
        Some(Self {
            event_id: text("event_id")?,
            request_id: text("request_id")?,
            kind: text("kind")?,
            op_name: text("op_name")?,
            ctx,
            segments: segments.iter().map(Option::unwrap_or_default).collect(),
            timestamp: batch
                .column_by_name("timestamp")?
                .as_primitive_opt::<TimestampMicrosecondType>()?,
            nanos: batch
                .column_by_name("timestamp_nanos")?
                .as_primitive_opt::<Int16Type>()?,
            seq: batch
                .column_by_name("seq")?
                .as_primitive_opt::<Int64Type>()?,
            payload: text("payload")?,
            extra: text("extra")?,
        })
    }

    fn row(&self, at: usize, row: u64) -> EventRow<'_> {
        let text = |column: &'b StringViewArray| column.is_valid(at).then(|| column.value(at));
        let nanos = if self.nanos.is_valid(at) {
            u16::try_from(self.nanos.value(at))
                .ok()
                .filter(|nanos| *nanos < 1000)
        } else {
            Some(0)
        };
        let seq = u64::try_from(self.seq.value(at))
            .ok()
            .filter(|_| self.seq.is_valid(at));
        let (event_id, request_id) = (text(self.event_id), text(self.request_id));
        let (kind, payload) = (text(self.kind), text(self.payload));
        let complete = event_id.is_some()
            && request_id.is_some()
            && kind.is_some()
            && payload.is_some()
            && seq.is_some()
            && nanos.is_some()
            && self.timestamp.is_valid(at);
        EventRow {
            row,
            complete,
            event_id: event_id.unwrap_or_default(),
            request_id: request_id.unwrap_or_default(),
            kind: kind.unwrap_or_default(),
            op_name: text(self.op_name),
            ctx: self.ctx_of(at),
            timestamp: Timestamp::from_parts(self.timestamp.value(at), nanos.unwrap_or_default()),
            seq: seq.unwrap_or_default(),
            payload: payload.unwrap_or_default(),
            extra: text(self.extra),
        }
    }

    fn ctx_of(&self, at: usize) -> &[&'b str] {
        if self.ctx.is_null(at) {
            return &[];
        }
        let offsets = self.ctx.value_offsets();
        let range = (offsets[at] as usize)..(offsets[at + 1] as usize);
        self.segments.get(range).unwrap_or_default()
    }
}
