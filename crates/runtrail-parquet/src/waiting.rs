//! Rows that wait until their row group is full.
//!
//! A row group is cut by rows and bytes alone, so that the same rows give the same row groups
//! whatever the memory. Rows that do not fit in memory wait in one temporary file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::error::LakeError;
use crate::fresh::{BatchEvent, FreshEvents};
use crate::partition::PartitionKey;
use crate::rows::{EventRows, Misfits, RowBuilder};
use crate::settings::{LakeSettings, Table};

/// Bytes that waiting events may keep in memory beside themselves, in each partition.
const KEPT_ALIVE: u64 = 8 << 20;

/// The rows of one row group, ready to be encoded.
pub(crate) struct RowGroup {
    pub(crate) key: PartitionKey,
    /// Its number within its partition, from 0.
    pub(crate) index: u64,
    pub(crate) rows: GroupRows,
}

/// Rows, or what becomes rows.
pub(crate) enum GroupRows {
    Columns(Vec<RecordBatch>),
    Events(FreshEvents),
}

#[derive(Default)]
struct Pending {
    /// The newest, where it is events.
    fresh: FreshEvents,
    builder: Option<RowBuilder>,
    batches: Vec<RecordBatch>,
    batch_memory: usize,
    parked: Vec<Extent>,
    rows: usize,
    bytes: usize,
    next_index: u64,
    /// When the latest row was pushed, by [`Waiting::clock`].
    pushed: u64,
}

/// Where parked rows stand in the temporary file.
#[derive(Clone, Copy)]
struct Extent {
    start: u64,
    len: u64,
}

impl Pending {
    fn memory(&self) -> usize {
        let builder = self.builder.as_ref().map_or(0, RowBuilder::bytes);
        self.fresh.memory() + self.batch_memory + builder
    }

    fn is_fresh(&self) -> bool {
        self.fresh.rows() == self.rows
    }

    /// Makes rows of the events that wait as they came.
    fn settle(&mut self, table: Table, rows: &mut EventRows) -> Result<(), ArrowError> {
        for event in std::mem::take(&mut self.fresh).events() {
            let builder = self.builder.get_or_insert_with(|| RowBuilder::new(table));
            rows.push(builder, event);
            if builder.is_full() {
                self.finish_batch()?;
            }
        }
        Ok(())
    }

    fn finish_batch(&mut self) -> Result<(), ArrowError> {
        if let Some(builder) = &mut self.builder
            && builder.rows() > 0
        {
            let batch = builder.finish()?;
            self.batch_memory += batch.get_array_memory_size();
            self.batches.push(batch);
        }
        Ok(())
    }
}

/// All rows that wait.
pub(crate) struct Waiting {
    partitions: BTreeMap<PartitionKey, Pending>,
    event_rows: EventRows,
    /// The bytes that have been pushed into all partitions, about; of them those of events.
    clock: u64,
    event_clock: u64,
    memory: usize,
    limit: usize,
    row_group_rows: usize,
    row_group_bytes: usize,
    dir: PathBuf,
    file: Option<File>,
    file_end: u64,
}

impl Waiting {
    pub(crate) fn new(settings: &LakeSettings, limit: usize, dir: &Path) -> Self {
        Self {
            partitions: BTreeMap::new(),
            event_rows: EventRows::default(),
            clock: 0,
            event_clock: 0,
            memory: 0,
            limit,
            row_group_rows: settings.row_group_rows.max(1),
            row_group_bytes: settings.row_group_bytes.max(1),
            dir: dir.to_owned(),
            file: None,
            file_end: 0,
        }
    }

    /// Adds an event to its partition; whether its row group is full with it, and to be taken.
    pub(crate) fn push_event(
        &mut self,
        key: PartitionKey,
        event: BatchEvent<'_>,
    ) -> Result<bool, LakeError> {
        let pending = self.partitions.entry(key).or_default();
        pending.fresh.push(event, self.event_clock);
        pending.rows += 1;
        pending.bytes += event.bytes;
        pending.pushed = self.clock;
        self.clock += event.memory() as u64;
        self.event_clock += event.memory() as u64;
        self.memory += event.memory();
        let full = pending.rows >= self.row_group_rows || pending.bytes >= self.row_group_bytes;
        if !full && self.memory > self.limit {
            self.park_oldest()?;
        }
        Ok(full)
    }

    /// Copies events that keep much more in memory than themselves.
    pub(crate) fn let_go(&mut self) {
        for pending in self.partitions.values_mut() {
            let fresh = &mut pending.fresh;
            let spared = KEPT_ALIVE.max(fresh.memory() as u64 / 4);
            if fresh.kept_alive(self.event_clock) > spared {
                fresh.copy();
            }
        }
    }

    /// Takes the counts of values that did not fit their column, of rows made here.
    pub(crate) fn take_misfits(&mut self) -> Misfits {
        std::mem::take(&mut self.event_rows.misfits)
    }

    /// Adds a row to its partition; whether its row group is full with it, and to be taken.
    pub(crate) fn push(
        &mut self,
        key: PartitionKey,
        push: impl FnOnce(&mut RowBuilder),
    ) -> Result<bool, LakeError> {
        let pending = self.partitions.entry(key).or_default();
        let before = pending.memory();
        let builder = pending
            .builder
            .get_or_insert_with(|| RowBuilder::new(key.table));
        let bytes_before = builder.bytes();
        push(builder);
        pending.rows += 1;
        pending.bytes += builder.bytes() - bytes_before;
        pending.pushed = self.clock;
        self.clock += (builder.bytes() - bytes_before) as u64;
        if builder.is_full() {
            pending.finish_batch().map_err(|e| encode_error(key, e))?;
        }
        self.memory = self.memory + pending.memory() - before;
        if pending.rows >= self.row_group_rows || pending.bytes >= self.row_group_bytes {
            return Ok(true);
        }
        if self.memory > self.limit {
            self.park_oldest()?;
        }
        Ok(false)
    }

    /// Adds rows of a table to their partition; whether its row group is full with them, and to be taken.
    pub(crate) fn push_rows(
        &mut self,
        key: PartitionKey,
        rows: RecordBatch,
    ) -> Result<bool, LakeError> {
        let pending = self.partitions.entry(key).or_default();
        let bytes = rows.get_array_memory_size();
        pending.rows += rows.num_rows();
        pending.bytes += bytes;
        pending.batch_memory += bytes;
        pending.batches.push(rows);
        pending.pushed = self.clock;
        self.clock += bytes as u64;
        self.memory += bytes;
        if pending.rows >= self.row_group_rows || pending.bytes >= self.row_group_bytes {
            return Ok(true);
        }
        if self.memory > self.limit {
            self.park_oldest()?;
        }
        Ok(false)
    }

    /// Bytes of memory that a partition's rows will take once they are taken.
    pub(crate) fn size(&self, key: PartitionKey) -> usize {
        self.partitions.get(&key).map_or(0, |pending| {
            let parked: u64 = pending.parked.iter().map(|extent| extent.len).sum();
            pending.memory() + parked as usize
        })
    }

    /// The partitions that have rows waiting, or have had any, and how many row groups each has given.
    pub(crate) fn partitions(&self) -> Vec<PartitionKey> {
        self.partitions.keys().copied().collect()
    }

    /// Gives the rows that wait in a partition, as its next row group.
    pub(crate) fn take(&mut self, key: PartitionKey) -> Result<Option<RowGroup>, LakeError> {
        let Some(pending) = self.partitions.get_mut(&key) else {
            return Ok(None);
        };
        if pending.rows == 0 {
            return Ok(None);
        }
        let before = pending.memory();
        if pending.is_fresh() {
            let index = pending.next_index;
            let fresh = std::mem::take(&mut pending.fresh);
            *pending = Pending {
                next_index: index + 1,
                ..Pending::default()
            };
            self.memory -= before;
            let rows = GroupRows::Events(fresh);
            return Ok(Some(RowGroup { key, index, rows }));
        }
        let settled = pending.settle(key.table, &mut self.event_rows);
        settled
            .and_then(|()| pending.finish_batch())
            .map_err(|source| encode_error(key, source))?;
        let parked = std::mem::take(&mut pending.parked);
        let in_memory = std::mem::take(&mut pending.batches);
        let index = pending.next_index;
        *pending = Pending {
            next_index: index + 1,
            builder: pending.builder.take(),
            ..Pending::default()
        };
        self.memory -= before;
        let mut batches = Vec::new();
        for extent in parked {
            self.read_back(extent, &mut batches)
                .map_err(|source| self.temp_error(source))?;
        }
        batches.extend(in_memory);
        let rows = GroupRows::Columns(batches);
        Ok(Some(RowGroup { key, index, rows }))
    }

    /// Returns how many row groups a partition will have given when what waits is taken too.
    pub(crate) fn row_groups(&self, key: PartitionKey) -> u64 {
        self.partitions.get(&key).map_or(0, |pending| {
            pending.next_index + u64::from(pending.rows > 0)
        })
    }

    /// Moves rows of the partitions that have waited longest to the temporary file, until half the
    /// limit is free.
    fn park_oldest(&mut self) -> Result<(), LakeError> {
        let mut oldest: Vec<_> = self
            .partitions
            .iter()
            .filter(|(_, pending)| pending.memory() > 0)
            .map(|(key, pending)| (pending.pushed, *key))
            .collect();
        oldest.sort_unstable();
        for (_, key) in oldest {
            if self.memory <= self.limit / 2 {
                break;
            }
            self.park(key)?;
        }
        Ok(())
    }

    fn park(&mut self, key: PartitionKey) -> Result<(), LakeError> {
        let Some(pending) = self.partitions.get_mut(&key) else {
            return Ok(());
        };
        let before = pending.memory();
        let settled = pending.settle(key.table, &mut self.event_rows);
        settled
            .and_then(|()| pending.finish_batch())
            .map_err(|source| encode_error(key, source))?;
        // An idle builder keeps its buffers' capacity; a partition may stay idle for good.
        pending.builder = None;
        let batches = std::mem::take(&mut pending.batches);
        pending.batch_memory = 0;
        self.memory -= before;
        for batch in batches {
            let extent = self
                .write_out(&batch)
                .map_err(|source| self.temp_error(source))?;
            if let Some(pending) = self.partitions.get_mut(&key) {
                pending.parked.push(extent);
            }
        }
        Ok(())
    }

    fn write_out(&mut self, batch: &RecordBatch) -> io::Result<Extent> {
        let mut bytes = Vec::with_capacity(batch.get_array_memory_size() + 4096);
        let mut writer =
            StreamWriter::try_new(&mut bytes, &batch.schema()).map_err(io::Error::other)?;
        writer
            .write(batch)
            .and_then(|()| writer.finish())
            .map_err(io::Error::other)?;
        drop(writer);
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.dir)?),
        };
        file.seek(SeekFrom::Start(self.file_end))?;
        file.write_all(&bytes)?;
        let extent = Extent {
            start: self.file_end,
            len: bytes.len() as u64,
        };
        self.file_end += extent.len;
        Ok(extent)
    }

    fn read_back(&mut self, extent: Extent, batches: &mut Vec<RecordBatch>) -> io::Result<()> {
        let file = self
            .file
            .as_mut()
            .ok_or_else(|| io::Error::other("the temporary file is gone"))?;
        let mut bytes = vec![0; extent.len as usize];
        file.seek(SeekFrom::Start(extent.start))?;
        file.read_exact(&mut bytes)?;
        for batch in StreamReader::try_new(Cursor::new(bytes), None).map_err(io::Error::other)? {
            batches.push(batch.map_err(io::Error::other)?);
        }
        Ok(())
    }

    fn temp_error(&self, source: io::Error) -> LakeError {
        LakeError::Temp {
            path: self.dir.clone(),
            source,
        }
    }
}

fn encode_error(key: PartitionKey, source: ArrowError) -> LakeError {
    LakeError::Encode {
        table: key.table.as_str(),
        source: source.into(),
    }
}
