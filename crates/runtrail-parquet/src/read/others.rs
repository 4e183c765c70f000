//! The rows of a part, of any table, that are not of certain runs.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use super::guarded::guarded;
use crate::error::{LakeError, LakeReadError};
use crate::schema::{SCHEMA_VERSION, arrow_schema, order};
use crate::settings::Table;

/// Rows that are read at a time.
const BATCH_ROWS: usize = 1024;

/// A part of any table.
pub(crate) struct TablePart {
    file: File,
    path: String,
    metadata: ArrowReaderMetadata,
    run_column: &'static str,
}

impl TablePart {
    pub(crate) fn open(root: &Path, table: Table, path: &str) -> Result<Self, LakeReadError> {
        let place = root.join(path);
        let file = File::open(&place).map_err(|error| LakeReadError::io(&place, error))?;
        let metadata = guarded(path, || {
            let options = ArrowReaderOptions::new().with_schema(arrow_schema(table));
            ArrowReaderMetadata::load(&file, options)
        })?;
        let stated = metadata.metadata().file_metadata().key_value_metadata();
        let mut stated = stated.into_iter().flatten();
        let version = stated.find(|pair| pair.key == "runtrail.schema_version");
        let version = version.and_then(|pair| pair.value.as_deref());
        if version != Some(SCHEMA_VERSION) {
            let version = version.unwrap_or("not stated");
            return Err(LakeReadError::Form {
                path: path.to_owned(),
                what: format!("its schema version is {version}"),
            });
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            metadata,
            run_column: order(table).first().copied().unwrap_or_default(),
        })
    }

    /// Hands over the run of every row, where it is another one than that of the row before.
    pub(crate) fn each_run(&self, call: &mut dyn FnMut(&str)) -> Result<(), LakeReadError> {
        let mut last: Option<String> = None;
        let reader = self.reader(Some(self.run_column))?;
        for batch in self.batches(reader) {
            let batch = batch?;
            let Some(runs) = batch.column(0).as_string_opt::<i32>() else {
                return Err(LakeReadError::damaged(&self.path, "runs are no texts"));
            };
            for run in runs.iter().flatten() {
                if last.as_deref() != Some(run) {
                    call(run);
                    last = Some(run.to_owned());
                }
            }
        }
        Ok(())
    }

    /// Hands over the rows of other runs than those that are gone, in their order.
    pub(crate) fn rows_of_others(
        &self,
        gone: &dyn Fn(&str) -> bool,
        take: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let damaged = |what: String| LakeReadError::damaged(&self.path, what);
        for batch in self.batches(self.reader(None)?) {
            let batch = batch?;
            let runs = batch.column_by_name(self.run_column);
            let runs = runs.and_then(|runs| runs.as_string_opt::<i32>());
            let runs = runs.ok_or_else(|| damaged("runs are no texts".to_owned()))?;
            let stay: BooleanArray = runs
                .iter()
                .map(|run| Some(run.is_none_or(|run| !gone(run))))
                .collect();
            let rows = filter_record_batch(&batch, &stay).and_then(|rows| compacted(&rows));
            let rows = rows.map_err(|error| damaged(error.to_string()))?;
            if rows.num_rows() > 0 {
                take(rows)?;
            }
        }
        Ok(())
    }

    fn reader(&self, column: Option<&str>) -> Result<ParquetRecordBatchReader, LakeReadError> {
        let file = self.file.try_clone();
        let file = file.map_err(|error| LakeReadError::io(Path::new(&self.path), error))?;
        guarded(&self.path, || {
            let metadata = self.metadata.clone();
            let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                .with_batch_size(BATCH_ROWS);
            if let Some(column) = column {
                let mask = ProjectionMask::columns(builder.parquet_schema(), [column]);
                builder = builder.with_projection(mask);
            }
            builder.build()
        })
    }

    fn batches(
        &self,
        mut reader: ParquetRecordBatchReader,
    ) -> impl Iterator<Item = Result<RecordBatch, LakeReadError>> {
        std::iter::from_fn(move || match guarded(&self.path, || Ok(reader.next())) {
            Ok(next) => {
                next.map(|next| next.map_err(|error| LakeReadError::damaged(&self.path, error)))
            }
            Err(error) => Some(Err(error)),
        })
    }
}

/// Copies content out of the pages that it was decoded in, which it would keep in memory.
fn compacted(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = rows.columns().iter().map(|column| -> ArrayRef {
        match column.as_string_view_opt() {
            Some(content) => Arc::new(content.gc()),
            None => Arc::clone(column),
        }
    });
    RecordBatch::try_new(rows.schema(), columns.collect())
}
