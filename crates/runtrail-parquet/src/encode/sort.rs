//! Bringing the rows of a row group into their declared order.

use std::cmp::Ordering;

use arrow::array::{
    Array, ArrayRef, AsArray, Int16Array, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::compute::{concat_batches, interleave};
use arrow::datatypes::{Int16Type, Int64Type, TimestampMicrosecondType};
use parquet::errors::Result;

use crate::schema::{arrow_schema, order};
use crate::settings::Table;

/// Rows that are handed to the encoder at a time.
const WINDOW: usize = 1024;

/// Hands out the rows in the table's order. Equal rows stay in the order they came in.
pub(super) fn for_each_in_order(
    table: Table,
    batches: Vec<RecordBatch>,
    mut write: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let keys: Vec<_> = batches.iter().map(|batch| Keys::of(table, batch)).collect();
    let rows = keys
        .iter()
        .enumerate()
        .flat_map(|(b, keys)| (0..keys.runs.len()).map(move |row| (b, row)));
    let compare = |&(b1, r1): &(usize, usize), &(b2, r2): &(usize, usize)| {
        keys[b1].compare(r1, &keys[b2], r2)
    };
    if rows
        .clone()
        .is_sorted_by(|one, other| compare(one, other).is_le())
    {
        drop(keys);
        return for_each_window(table, batches, write);
    }
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(compare);
    let columns: Vec<Vec<&dyn Array>> = (0..arrow_schema(table).fields().len())
        .map(|column| {
            batches
                .iter()
                .map(|batch| batch.column(column).as_ref())
                .collect()
        })
        .collect();
    for window in rows.chunks(WINDOW) {
        let arrays = columns.iter().map(|column| interleave(column, window));
        let arrays = arrays.collect::<std::result::Result<Vec<ArrayRef>, _>>()?;
        write(&RecordBatch::try_new(arrow_schema(table), arrays)?)?;
    }
    Ok(())
}

/// Hands out the rows as they come, always as many at a time: where a page ends depends on how rows
/// are handed to the encoder, and must not depend on how they happened to be collected. Each batch
/// is freed once it has been handed out.
fn for_each_window(
    table: Table,
    batches: Vec<RecordBatch>,
    mut write: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let mut pieces: Vec<RecordBatch> = Vec::new();
    let mut held = 0;
    for mut batch in batches {
        while batch.num_rows() > 0 {
            let piece = batch.slice(0, batch.num_rows().min(WINDOW - held));
            batch = batch.slice(piece.num_rows(), batch.num_rows() - piece.num_rows());
            held += piece.num_rows();
            pieces.push(piece);
            if held == WINDOW {
                write(&joined(table, &mut pieces)?)?;
                held = 0;
            }
        }
    }
    if held > 0 {
        write(&joined(table, &mut pieces)?)?;
    }
    Ok(())
}

/// Makes one batch of pieces; a single piece is not copied.
fn joined(table: Table, pieces: &mut Vec<RecordBatch>) -> Result<RecordBatch> {
    let joined = match &pieces[..] {
        [only] => only.clone(),
        several => concat_batches(&arrow_schema(table), several)?,
    };
    pieces.clear();
    Ok(joined)
}

/// The columns of a batch that rows are ordered by.
struct Keys {
    runs: StringArray,
    times: PrimitiveArray<TimestampMicrosecondType>,
    nanos: Int16Array,
    seqs: Option<PrimitiveArray<Int64Type>>,
}

impl Keys {
    fn of(table: Table, batch: &RecordBatch) -> Self {
        let column = |name: &str| {
            let index = batch.schema().index_of(name).unwrap_or_default();
            batch.column(index).clone()
        };
        let names = order(table);
        Self {
            runs: column(names[0]).as_string().clone(),
            times: column(names[1]).as_primitive().clone(),
            nanos: column(names[2]).as_primitive::<Int16Type>().clone(),
            seqs: names.get(3).map(|name| column(name).as_primitive().clone()),
        }
    }

    fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let nanos =
            |keys: &Self, row: usize| keys.nanos.is_valid(row).then(|| keys.nanos.value(row));
        let seq = |keys: &Self, row: usize| keys.seqs.as_ref().map(|seqs| seqs.value(row));
        self.runs
            .value(row)
            .cmp(other.runs.value(other_row))
            .then_with(|| self.times.value(row).cmp(&other.times.value(other_row)))
            .then_with(|| nanos(self, row).cmp(&nanos(other, other_row)))
            .then_with(|| seq(self, row).cmp(&seq(other, other_row)))
    }
}
