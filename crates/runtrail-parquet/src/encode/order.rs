//! Bringing the rows of a row group into their declared order.

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{
    Array, ArrayRef, AsArray, Int16Array, PrimitiveArray, RecordBatch, StringArray, make_array,
};
use arrow::array::{ArrayData, MutableArrayData};
use arrow::datatypes::{Int16Type, Int64Type, TimestampMicrosecondType};
use parquet::errors::Result;

use crate::schema::order;
use crate::settings::Table;

/// Rows that are handed to the encoder at a time: where a page ends depends on it, and must not
/// depend on how rows happened to be collected.
pub(super) const WINDOW: usize = 1024;
/// Rows that are put in order at a time.
const SPAN: usize = 16 * WINDOW;

/// Rows side by side in a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) batch: usize,
    start: usize,
    end: usize,
}

impl Stretch {
    pub(super) fn rows(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Returns the rows in the table's order, cut into what is put in order at a time. Equal rows stay
/// in the order they came in.
pub(super) fn spans(table: Table, batches: &[RecordBatch]) -> Vec<Vec<Stretch>> {
    let keys: Vec<_> = batches.iter().map(|batch| Keys::of(table, batch)).collect();
    cut(ordered(&keys), SPAN)
}

/// Cuts a span into windows.
pub(super) fn windows(span: Vec<Stretch>) -> Vec<Vec<Stretch>> {
    cut(span, WINDOW)
}

/// Cuts stretches so that each piece but the last has so many rows.
fn cut(stretches: Vec<Stretch>, piece_rows: usize) -> Vec<Vec<Stretch>> {
    let mut pieces = Vec::new();
    let (mut piece, mut rows) = (Vec::new(), 0);
    for mut stretch in stretches {
        while stretch.start < stretch.end {
            let taken = (stretch.end - stretch.start).min(piece_rows - rows);
            piece.push(Stretch {
                end: stretch.start + taken,
                ..stretch
            });
            stretch.start += taken;
            rows += taken;
            if rows == piece_rows {
                pieces.push(std::mem::take(&mut piece));
                rows = 0;
            }
        }
    }
    if rows > 0 {
        pieces.push(piece);
    }
    pieces
}

/// Copies stretches of a column's arrays into one array.
pub(super) fn joined(arrays: &[ArrayData], span: &[Stretch]) -> Result<ArrayRef> {
    let rows = span.iter().map(|stretch| stretch.end - stretch.start).sum();
    // An array that no stretch is of would cost its share of every span.
    let mut used: Vec<usize> = span.iter().map(|stretch| stretch.batch).collect();
    used.sort_unstable();
    used.dedup();
    let sources = used.iter().map(|&batch| &arrays[batch]).collect();
    let number: HashMap<usize, usize> = used.iter().enumerate().map(|(n, &b)| (b, n)).collect();
    let mut array = MutableArrayData::new(sources, false, rows);
    for stretch in span {
        array.try_extend(number[&stretch.batch], stretch.start, stretch.end)?;
    }
    Ok(make_array(array.freeze()))
}

/// Orders rows. Those of a run mostly come side by side and in order, so that only the runs are to
/// be put in order.
fn ordered(keys: &[Keys]) -> Vec<Stretch> {
    let mut stretches: Vec<(&str, Stretch)> = Vec::new();
    let mut rising = true;
    for (batch, keys) in keys.iter().enumerate() {
        for row in 0..keys.runs.len() {
            let run = keys.runs.value(row);
            if let Some((last, stretch)) = stretches.last_mut()
                && stretch.batch == batch
                && *last == run
            {
                rising &= keys.of_row(row - 1) <= keys.of_row(row);
                stretch.end += 1;
                continue;
            }
            let (start, end) = (row, row + 1);
            stretches.push((run, Stretch { batch, start, end }));
        }
    }
    // Stable, so that what is cut by a batch's end stays together.
    stretches.sort_by_key(|(run, _)| *run);
    let first = |stretch: &Stretch| keys[stretch.batch].of_row(stretch.start);
    let last = |stretch: &Stretch| keys[stretch.batch].of_row(stretch.end - 1);
    rising &= stretches
        .windows(2)
        .all(|pair| pair[0].0 != pair[1].0 || last(&pair[0].1) <= first(&pair[1].1));
    if rising {
        return stretches.into_iter().map(|(_, stretch)| stretch).collect();
    }
    let runs = stretches.chunk_by(|one, next| one.0 == next.0);
    runs.flat_map(|stretches| rows_in_order(keys, stretches))
        .collect()
}

/// Orders the rows of one run.
fn rows_in_order(keys: &[Keys], stretches: &[(&str, Stretch)]) -> Vec<Stretch> {
    let mut rows = Vec::new();
    for &(_, Stretch { batch, start, end }) in stretches {
        rows.extend((start..end).map(|row| (keys[batch].of_row(row), batch, row)));
    }
    rows.sort_by_key(|(key, ..)| *key);
    let mut ordered: Vec<Stretch> = Vec::new();
    for (_, batch, row) in rows {
        match ordered.last_mut() {
            Some(stretch) if stretch.batch == batch && stretch.end == row => stretch.end += 1,
            _ => ordered.push(Stretch {
                batch,
                start: row,
                end: row + 1,
            }),
        }
    }
    ordered
}

/// The columns of a batch that rows are ordered by.
struct Keys {
    runs: StringArray,
    times: PrimitiveArray<TimestampMicrosecondType>,
    nanos: Int16Array,
    seqs: Option<PrimitiveArray<Int64Type>>,
}

/// What orders the rows of a run: the time, the nanoseconds beyond it (none come first), `seq`.
type RowKey = (i64, Option<i16>, Option<i64>);

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

    fn of_row(&self, row: usize) -> RowKey {
        let nanos = self.nanos.is_valid(row).then(|| self.nanos.value(row));
        let seq = self.seqs.as_ref().map(|seqs| seqs.value(row));
        (self.times.value(row), nanos, seq)
    }
}
