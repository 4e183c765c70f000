//! Bringing the rows of a row group into their declared order.

use std::cmp::Ordering;

use arrow::array::{
    Array, ArrayRef, AsArray, Int16Array, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::compute::interleave;
use arrow::datatypes::{Int16Type, Int64Type, TimestampMicrosecondType};
use parquet::errors::Result;

use crate::schema::{arrow_schema, order};
use crate::settings::Table;

/// Rows that are copied at a time where rows have to be rearranged.
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
        // Each batch is freed once it is encoded.
        return batches.into_iter().try_for_each(|batch| write(&batch));
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
