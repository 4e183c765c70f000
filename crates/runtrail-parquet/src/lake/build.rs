//! Opening a lake.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use runtrail_core::fold::{Detail, Fold, FoldLimits};
use runtrail_core::span::RunTotals;

use super::carry::Carried;
use super::changes::Changes;
use super::{Lake, LakeReportHandle, Parts, tidy};
use parquet::errors::ParquetError;

use crate::encode::{CONTENT_PAGE_BYTES, EncodePool, Formats};
use crate::error::LakeError;
use crate::settings::{LakeSettings, MIN_MEMORY, Partition, Tables};
use crate::store::Store;
use crate::waiting::Waiting;
use crate::work::{STAGING, WorkDir, missing};

/// Where a lake is to be.
enum Destination {
    Local(PathBuf),
    Object(Arc<dyn ObjectStore>, String),
}

/// Makes a [`Lake`].
pub struct LakeBuilder {
    destination: Destination,
    tables: Tables,
    partition: Partition,
    settings: LakeSettings,
}

impl LakeBuilder {
    pub(super) fn local(dir: PathBuf) -> Self {
        Self::new(Destination::Local(dir))
    }

    pub(super) fn object_store(store: Arc<dyn ObjectStore>, prefix: String) -> Self {
        Self::new(Destination::Object(store, prefix))
    }

    fn new(destination: Destination) -> Self {
        Self {
            destination,
            tables: Tables::default(),
            partition: Partition::default(),
            settings: LakeSettings::default(),
        }
    }

    /// Sets the tables to write; all by default.
    pub fn tables(mut self, tables: Tables) -> Self {
        self.tables = tables;
        self
    }

    /// Sets the layout of folders; by date by default.
    pub fn partition(mut self, partition: Partition) -> Self {
        self.partition = partition;
        self
    }

    /// Sets how the lake is written.
    pub fn settings(mut self, settings: LakeSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Opens the lake: makes its folders and removes what killed exports left behind.
    pub fn open(self) -> Result<Lake, LakeError> {
        let settings = self.settings;
        if settings.memory < MIN_MEMORY {
            return Err(LakeError::TooLittleMemory {
                given: settings.memory,
            });
        }
        let (store, work) = match self.destination {
            Destination::Local(root) => {
                let staging = root.join(STAGING);
                let made = missing(&staging);
                let store = Store::local(&root)?;
                let undo = |announced| tidy::undo(&root, &announced);
                (store, WorkDir::create(&staging, made, &undo)?)
            }
            // What is staged here is of any store, so nothing is known of what became of it there.
            Destination::Object(store, prefix) => (
                Store::object(store, &prefix)?,
                WorkDir::create(&std::env::temp_dir().join("runtrail"), Vec::new(), &|_| {
                    Ok(())
                })?,
            ),
        };
        let (store, work) = (Arc::new(store), Arc::new(work));
        let formats = Formats::new(&settings).map_err(|source| LakeError::Encode {
            table: "all",
            source,
        })?;
        // Rows that wait can go to disk; row groups that are being encoded cannot. One is ready
        // for the thread that ends first.
        let row_group = settings.row_group_bytes + 3 * CONTENT_PAGE_BYTES;
        let for_encoding = row_group.saturating_mul(settings.threads + 1);
        let for_waiting = settings.memory.saturating_sub(for_encoding);
        let for_waiting = for_waiting.max(settings.memory / 5);
        let waiting = Waiting::new(&settings, for_waiting, work.path());
        let pool = EncodePool::start(
            formats.clone(),
            settings.zstd_level,
            settings.threads,
            settings.memory - for_waiting,
        )
        .map_err(|source| LakeError::Encode {
            table: "all",
            source: ParquetError::External(Box::new(source)),
        })?;
        let parts = Parts::new(formats, Arc::clone(&store), &settings, Arc::clone(&work));
        // Without the tables that show content there is no reason to hold any.
        let limits = FoldLimits {
            detail: if self.tables.need_spans() {
                Detail::Content
            } else {
                Detail::Summary
            },
            ..FoldLimits::default()
        };
        Ok(Lake {
            tables: self.tables,
            partition: self.partition,
            store,
            work,
            waiting,
            pool,
            parts,
            fold: Fold::new("", limits),
            spans: Vec::new(),
            sources: Vec::new(),
            changes: Changes::default(),
            is_informed: false,
            carried: Carried::default(),
            quarantine: None,
            events: 0,
            totals: RunTotals::default(),
            batches: 0,
            report: LakeReportHandle::default(),
        })
    }
}
