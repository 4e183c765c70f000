//! One part of the events table.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::statistics::Statistics;

use super::RunFilter;
use super::columns::{COLUMNS, EventRow, each_row};
use super::guarded::guarded;
use crate::error::LakeReadError;
use crate::schema::SCHEMA_VERSION;

/// Rows that are made columns of at a time: content is referred to where its page was decoded, so
/// that this decides about little memory.
const BATCH_ROWS: usize = 1024;

/// An open part of the events table. Its footer is in memory; rows are read from the file when they
/// are asked for, also on several threads at once.
#[derive(Debug, Clone)]
pub struct EventPart {
    file: PathBuf,
    path: String,
    metadata: ArrowReaderMetadata,
    run_column: usize,
}

/// The rows of a row group to read.
pub(super) enum Wanted {
    All,
    Rows(Vec<Range<usize>>),
}

impl EventPart {
    pub(super) fn open(root: &Path, path: &str) -> Result<Self, LakeReadError> {
        let file = root.join(path);
        let opened = File::open(&file).map_err(|error| LakeReadError::io(&file, error))?;
        let metadata = guarded(path, || {
            let first = ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new())?;
            let options = ArrowReaderOptions::new().with_schema(Arc::new(by_views(first.schema())));
            ArrowReaderMetadata::try_new(Arc::clone(first.metadata()), options)
        })?;
        let form = |what: String| LakeReadError::Form {
            path: path.to_owned(),
            what,
        };
        let stated = metadata.metadata().file_metadata().key_value_metadata();
        let version = stated
            .into_iter()
            .flatten()
            .find(|pair| pair.key == "runtrail.schema_version")
            .and_then(|pair| pair.value.as_deref());
        if let Some(version) = version.filter(|version| *version != SCHEMA_VERSION) {
            return Err(form(format!("its schema version is {version}")));
        }
        let names: Vec<&String> = metadata
            .schema()
            .fields()
            .iter()
            .map(|f| f.name())
            .collect();
        if let Some(absent) = COLUMNS
            .iter()
            .find(|name| !names.iter().any(|have| have == *name))
        {
            return Err(form(format!("it has no column {absent}")));
        }
        let columns = metadata.parquet_schema().columns();
        let run_column = columns
            .iter()
            .position(|column| column.path().string() == "request_id")
            .ok_or_else(|| form("it has no plain column request_id".to_owned()))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            metadata,
            run_column,
        })
    }

    /// Returns its path within the lake.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns how many rows its footer says that it has.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Returns how many row groups it has.
    pub fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// Returns how many rows come before a row group.
    fn rows_before(&self, row_group: usize) -> u64 {
        let groups = self.metadata.metadata().row_groups();
        let before = groups.iter().take(row_group);
        before
            .map(|group| u64::try_from(group.num_rows()).unwrap_or(0))
            .sum()
    }

    /// Reads the rows of a row group, in their order; the callback says whether to go on.
    pub fn read_rows(
        &self,
        row_group: usize,
        row: &mut dyn FnMut(&EventRow<'_>) -> bool,
    ) -> Result<(), LakeReadError> {
        self.read_wanted(row_group, Wanted::All, row)
    }

    /// Hands over the run of each stretch of rows that are of one run, in their order. No other column is
    /// read.
    pub fn each_run(
        &self,
        row_group: usize,
        call: &mut dyn FnMut(&str),
    ) -> Result<(), LakeReadError> {
        let mut last: Option<String> = None;
        let mut rows = |run: &str| {
            if last.as_deref() != Some(run) {
                call(run);
                run.clone_into(last.get_or_insert_default());
            }
        };
        self.each_run_of_a_row(row_group, &mut rows)
    }

    fn each_run_of_a_row(
        &self,
        row_group: usize,
        row: &mut dyn FnMut(&str),
    ) -> Result<(), LakeReadError> {
        let reader = self.reader(row_group, &["request_id"], None)?;
        each_batch(&self.path, reader, &mut |batch| {
            let runs = batch.column(0).as_string_view_opt();
            let Some(runs) = runs else { return Ok(false) };
            runs.iter().for_each(|run| row(run.unwrap_or_default()));
            Ok(true)
        })
    }

    /// Whether a row group may hold a run, by its statistics and its bloom filter: `false` is sure.
    pub fn may_hold(&self, row_group: usize, request_id: &str) -> Result<bool, LakeReadError> {
        let Some(group) = self.metadata.metadata().row_groups().get(row_group) else {
            return Ok(false);
        };
        if let Some(Statistics::ByteArray(statistics)) = group.column(self.run_column).statistics()
        {
            let id = request_id.as_bytes();
            let below = statistics.min_bytes_opt().is_some_and(|min| id < min);
            let above = statistics.max_bytes_opt().is_some_and(|max| id > max);
            if below || above {
                return Ok(false);
            }
        }
        let file = self.open_file()?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let bloom = guarded(&self.path, || {
            builder.get_row_group_column_bloom_filter(row_group, self.run_column)
        })?;
        Ok(bloom.is_none_or(|bloom| bloom.check(request_id)))
    }

    /// Returns the rows of a row group that are wanted; `None` where there are none.
    pub(super) fn wanted_rows(
        &self,
        row_group: usize,
        filter: &mut RunFilter<'_>,
    ) -> Result<Option<Wanted>, LakeReadError> {
        let rows = match filter {
            RunFilter::Every => return Ok(Some(Wanted::All)),
            RunFilter::Only(id) if !self.may_hold(row_group, id)? => return Ok(None),
            RunFilter::Only(id) => self.rows_of(row_group, &mut |run| run == *id)?,
            RunFilter::Matching(wants) => self.rows_of(row_group, wants)?,
        };
        let all = self.metadata.metadata().row_group(row_group).num_rows();
        Ok(match rows.as_slice() {
            [] => None,
            [range] if range.start == 0 && range.len() as i64 == all => Some(Wanted::All),
            _ => Some(Wanted::Rows(rows)),
        })
    }

    /// Finds the rows of wanted runs by the column of runs alone.
    fn rows_of(
        &self,
        row_group: usize,
        wants: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Vec<Range<usize>>, LakeReadError> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let (mut row, mut last) = (0, (String::new(), false));
        self.each_run_of_a_row(row_group, &mut |run| {
            if row == 0 || last.0 != run {
                last = (run.to_owned(), wants(run));
            }
            match found.last_mut() {
                Some(range) if last.1 && range.end == row => range.end += 1,
                _ if last.1 => found.push(row..row + 1),
                _ => {}
            }
            row += 1;
        })?;
        Ok(found)
    }

    pub(super) fn read_wanted(
        &self,
        row_group: usize,
        wanted: Wanted,
        row: &mut dyn FnMut(&EventRow<'_>) -> bool,
    ) -> Result<(), LakeReadError> {
        let base = self.rows_before(row_group);
        let (selection, mut numbers): (_, Box<dyn Iterator<Item = u64>>) = match wanted {
            Wanted::All => (None, Box::new(base..)),
            Wanted::Rows(ranges) => {
                let total = self.metadata.metadata().row_group(row_group).num_rows();
                let total = usize::try_from(total).unwrap_or(0);
                let chosen = RowSelection::from_consecutive_ranges(ranges.iter().cloned(), total);
                let numbers = ranges.into_iter().flatten().map(move |at| base + at as u64);
                (Some(chosen), Box::new(numbers))
            }
        };
        let reader = self.reader(row_group, COLUMNS, selection)?;
        each_batch(&self.path, reader, &mut |batch| {
            each_row(batch, &mut numbers, row)
                .ok_or_else(|| LakeReadError::damaged(&self.path, "a column is of another type"))
        })
    }

    fn reader(
        &self,
        row_group: usize,
        columns: &[&str],
        selection: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader, LakeReadError> {
        let file = self.open_file()?;
        guarded(&self.path, || {
            let mut builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                    .with_batch_size(BATCH_ROWS)
                    .with_row_groups(vec![row_group]);
            let names = columns.iter().copied();
            let mask = ProjectionMask::columns(builder.parquet_schema(), names);
            builder = builder.with_projection(mask);
            match selection {
                Some(selection) => builder.with_row_selection(selection),
                None => builder,
            }
            .build()
        })
    }

    fn open_file(&self) -> Result<File, LakeReadError> {
        File::open(&self.file).map_err(|error| LakeReadError::io(&self.file, error))
    }
}

/// Hands over batches until the callback says no.
fn each_batch(
    path: &str,
    mut reader: ParquetRecordBatchReader,
    take: &mut dyn FnMut(&arrow::array::RecordBatch) -> Result<bool, LakeReadError>,
) -> Result<(), LakeReadError> {
    loop {
        let next = guarded(path, || Ok(reader.next()))?;
        let Some(batch) = next else { return Ok(()) };
        let batch = batch.map_err(|error| LakeReadError::damaged(path, error))?;
        if !take(&batch)? {
            return Ok(());
        }
    }
}

/// The schema with texts as views of the pages that hold them, so that content is not copied.
fn by_views(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => Arc::new(Field::clone(field).with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}
