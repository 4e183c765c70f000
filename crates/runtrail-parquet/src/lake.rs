//! The exporter.

mod build;
mod carry;
mod changes;
mod give_way;
mod parts;
mod tidy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use runtrail_core::export::{Batch, ExportError, Exporter};
use runtrail_core::fold::Fold;
use runtrail_core::span::{RunSummary, RunTotals, SpanRecord};
use runtrail_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use build::LakeBuilder;
use carry::Carried;
pub use changes::{Changes, OpenRuns, Whole};
use give_way::is_listed;
use parts::Parts;
pub(crate) use tidy::undo;

use crate::commit::{CommitRecord, LakeLayout};
use crate::encode::EncodePool;
use crate::error::LakeError;
use crate::fresh::BatchEvent;
use crate::partition::PartitionKey;
use crate::rows::{RowBuilder, event_bytes, push_group, push_link, push_op, push_run};
use crate::schema::SCHEMA_VERSION;
use crate::settings::{Partition, Table, Tables};
use crate::store::Store;
use crate::waiting::Waiting;
use crate::work::WorkDir;

/// A file that an export made visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LakeFile {
    /// Its table.
    pub table: Table,
    /// Its path within the lake.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// One source of an export, for the lake's log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceInfo {
    /// The source's name: a path, a URL, `-`.
    pub name: String,
    /// How many stored bytes of it the lake holds what was in; 0 where that is not known.
    #[serde(default)]
    pub bytes: u64,
    /// What tells these bytes from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// How it was read, where that decides about what can be read of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<String>,
    /// Where what is appended to it can be read from, where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<ResumeAt>,
}

impl SourceInfo {
    /// Returns what its first bytes were, by how many these are: all of them, and its whole lines, since a line
    /// that was being written at its end may have become another.
    pub fn starts(&self) -> impl Iterator<Item = (u64, &str)> {
        let all = self.hash.as_deref().map(|hash| (self.bytes, hash));
        let lines = self.resume.as_ref();
        let lines = lines.map(|resume| (resume.byte, resume.hash.as_str()));
        all.into_iter().chain(lines)
    }
}

/// Where what is appended to a source begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResumeAt {
    /// The byte, from 0.
    pub byte: u64,
    /// The number of the line that it is in, from 1.
    pub line: u64,
    /// What tells the bytes before it from others.
    pub hash: String,
}

/// What an export came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LakeReport {
    /// The files that the lake holds because of it, by path. They also hold the rows of parts that gave way.
    pub files: Vec<LakeFile>,
    /// Events taken.
    pub events: u64,
    /// What the runs come to.
    pub totals: RunTotals,
    /// Payload values that did not fit their column and are null there, by column; `payload` has them.
    pub misfits: BTreeMap<String, u64>,
    /// The quarantine file within the lake.
    pub quarantine: Option<String>,
    /// The export's record in the lake's log.
    pub record: Option<String>,
    /// Parts of earlier exports that gave way to these.
    pub removed: Vec<String>,
    /// Runs that are open, and carried on to the next export.
    pub carried: u64,
    /// Runs that were to be carried, and were closed as truncated because there are too many.
    pub not_carried: u64,
}

/// Gives an export's report once it is closed.
#[derive(Debug, Clone, Default)]
pub struct LakeReportHandle(Arc<OnceLock<LakeReport>>);

impl LakeReportHandle {
    /// Returns the report; `None` until the exporter has been closed.
    pub fn get(&self) -> Option<LakeReport> {
        self.0.get().cloned()
    }
}

/// Writes events, ops, groups, runs and what started them as the tables of a lake.
///
/// Rows become visible when their file is complete: when it has reached its target size, or on
/// [`Exporter::close`].
pub struct Lake {
    tables: Tables,
    partition: Partition,
    store: Arc<Store>,
    work: Arc<WorkDir>,
    waiting: Waiting,
    pool: EncodePool,
    parts: Parts,
    fold: Fold,
    spans: Vec<SpanRecord>,
    sources: Vec<SourceInfo>,
    changes: Changes,
    /// Whether the export was told what the lake holds, be it nothing.
    is_informed: bool,
    carried: Carried,
    quarantine: Option<(PathBuf, BTreeMap<String, u64>)>,
    events: u64,
    totals: RunTotals,
    /// How many batches were taken.
    batches: u64,
    report: LakeReportHandle,
}

impl Lake {
    /// Begins a lake in a folder on local disk; the folder is created when the lake is opened.
    pub fn local(dir: impl Into<PathBuf>) -> LakeBuilder {
        LakeBuilder::local(dir.into())
    }

    /// Begins a lake in an object store, below a prefix. Files are staged on local disk.
    pub fn object_store(
        store: Arc<dyn object_store::ObjectStore>,
        prefix: impl Into<String>,
    ) -> LakeBuilder {
        LakeBuilder::object_store(store, prefix.into())
    }

    /// Returns the folder that the export stages its files in, for the caller's temporary files.
    /// It is on the lake's own disk where the lake is local, and goes away with the export.
    pub fn temp_dir(&self) -> &Path {
        self.work.path()
    }

    /// Hands over a complete file of what was not exported, and how much by reason.
    /// It is published with the export and named in its record.
    pub fn set_quarantine(&mut self, staged: PathBuf, rejects: BTreeMap<String, u64>) {
        self.quarantine = Some((staged, rejects));
    }

    /// Names the sources of the export, for the lake's log, in place of those that were named before.
    pub fn set_sources(&mut self, sources: Vec<SourceInfo>) {
        self.sources = sources;
    }

    /// Says what the export changes of what the lake holds already. It is said before the first event.
    pub fn change(&mut self, changes: Changes) {
        self.changes = changes;
        self.is_informed = true;
        self.begin_carried();
    }

    /// Returns a handle to the report of the export.
    pub fn report(&self) -> LakeReportHandle {
        self.report.clone()
    }

    fn push(
        &mut self,
        table: Table,
        at: Timestamp,
        row: impl FnOnce(&mut RowBuilder),
    ) -> Result<(), LakeError> {
        let key = PartitionKey::of(table, self.partition, at);
        if self.waiting.push(key, row)? {
            self.encode(key)
        } else {
            Ok(())
        }
    }

    /// Sends the rows that wait in a partition to be encoded, once there is room for them.
    fn encode(&mut self, key: PartitionKey) -> Result<(), LakeError> {
        let size = self.waiting.size(key);
        let memory = self
            .pool
            .make_room(key.table, size, |encoded| self.parts.append(encoded))?;
        match self.waiting.take(key)? {
            Some(group) => self
                .pool
                .submit(group, memory, |encoded| self.parts.append(encoded)),
            None => Ok(()),
        }
    }

    fn take_event(&mut self, batch: &Batch, index: usize) -> Result<(), LakeError> {
        let Some(event) = batch.events().get(index) else {
            return Ok(());
        };
        self.events += 1;
        if self.carried.may_continue() {
            self.take_up(&event.request_id)?;
        }
        if self.tables.contains(Table::Events) {
            let key = PartitionKey::of(Table::Events, self.partition, event.timestamp);
            let event = BatchEvent {
                number: self.batches,
                batch,
                index,
                bytes: event_bytes(event),
            };
            if self.waiting.push_event(key, event)? {
                self.encode(key)?;
            }
        }
        self.fold.push(event, &mut self.spans);
        self.take_spans()
    }

    fn take_spans(&mut self) -> Result<(), LakeError> {
        if self.spans.is_empty() {
            return Ok(());
        }
        let mut spans = std::mem::take(&mut self.spans);
        for span in spans.drain(..) {
            let table = if span.is_op() {
                Table::Ops
            } else {
                Table::Groups
            };
            if !self.tables.contains(table) {
                continue;
            }
            self.push(table, span.started_at, |rows| match table {
                Table::Ops => push_op(rows, &span),
                _ => push_group(rows, &span),
            })?;
        }
        self.spans = spans;
        Ok(())
    }

    fn finish_run(&mut self, request_id: &str) -> Result<(), LakeError> {
        if self.carry(request_id) {
            return Ok(());
        }
        self.end_run(request_id)
    }

    fn end_run(&mut self, request_id: &str) -> Result<(), LakeError> {
        let Some(run) = self.fold.finish_run(request_id, &mut self.spans) else {
            return Ok(());
        };
        self.take_spans()?;
        self.take_run(&run)
    }

    fn take_run(&mut self, run: &RunSummary) -> Result<(), LakeError> {
        self.totals.add(run);
        if self.tables.contains(Table::Runs) {
            self.push(Table::Runs, run.started_at, |rows| push_run(rows, run))?;
        }
        if self.tables.contains(Table::Links) {
            for link in &run.links {
                self.push(Table::Links, link.at, |rows| push_link(rows, run, link))?;
            }
        }
        Ok(())
    }

    fn take_batch(&mut self, batch: &Batch) -> Result<(), LakeError> {
        self.batches += 1;
        let mut index = 0;
        for (events, ended) in batch.stretches() {
            for _ in events {
                self.take_event(batch, index)?;
                index += 1;
            }
            if let Some(request_id) = ended {
                self.finish_run(request_id)?;
            }
        }
        self.waiting.let_go();
        Ok(())
    }

    /// Encodes what still waits, ends every file, publishes, and records the export.
    fn finish(&mut self) -> Result<(), LakeError> {
        for run in self.fold.open_runs() {
            self.finish_run(&run)?;
        }
        self.close_carried()?;
        let gone = self.take_over()?;
        for key in self.waiting.partitions() {
            self.parts.expect(key, self.waiting.row_groups(key));
            self.encode(key)?;
        }
        self.pool.drain(|encoded| self.parts.append(encoded))?;
        let files = self.parts.finish()?;
        let (quarantine, rejects) = self.publish_quarantine()?;
        let carried = self.publish_carried()?;
        let removed: Vec<String> = gone
            .into_iter()
            .filter(|path| !is_listed(&files, path))
            .collect();
        let record = CommitRecord {
            schema_version: SCHEMA_VERSION,
            layout: LakeLayout::new(self.tables, self.partition),
            sources: &self.sources,
            parts: &files,
            removes: &removed,
            replaces: &self.changes.sources,
            carried: self.is_informed.then_some(carried.as_slice()),
            events: self.events,
            runs: self.totals.runs,
            rejects: &rejects,
            quarantine: quarantine.as_deref(),
        };
        let record = record.append(&self.store, self.work.path())?;
        self.remove(&removed, &carried)?;
        let report = LakeReport {
            files,
            events: self.events,
            totals: std::mem::take(&mut self.totals),
            misfits: self.parts.take_misfits(self.waiting.take_misfits()),
            quarantine,
            record: Some(record),
            removed,
            carried: self.carried.len(),
            not_carried: self.carried.too_many,
        };
        self.work.keep();
        // Only one close can be, since it consumes the exporter.
        let _ = self.report.0.set(report);
        Ok(())
    }

    fn publish_quarantine(&mut self) -> Result<(Option<String>, BTreeMap<String, u64>), LakeError> {
        let Some((staged, rejects)) = self.quarantine.take() else {
            return Ok((None, BTreeMap::new()));
        };
        let mut hasher = blake3::Hasher::new();
        let read_through =
            std::fs::File::open(&staged).and_then(|file| hasher.update_reader(file).map(|_| ()));
        read_through.map_err(|source| LakeError::Write {
            path: staged.clone(),
            source,
        })?;
        let path = format!(
            "_runtrail/quarantine/{}.jsonl",
            &hasher.finalize().to_hex()[..32]
        );
        self.store.publish(&staged, &path)?;
        Ok((Some(path), rejects))
    }
}

impl Exporter for Lake {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.take_batch(batch).map_err(ExportError::from)
    }

    /// Waits until everything that is being encoded is written to its staged file. Row groups in
    /// progress stay in progress: cutting them short would make small files of a lake.
    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        self.pool
            .drain(|encoded| self.parts.append(encoded))
            .map_err(ExportError::from)
    }

    fn close(mut self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        self.finish().map_err(ExportError::from)
    }
}
