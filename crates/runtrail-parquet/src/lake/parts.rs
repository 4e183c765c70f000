//! The files in progress, one per partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::LakeFile;
use crate::encode::{Encoded, Formats};
use crate::error::LakeError;
use crate::part::{FinishedPart, PartFile};
use crate::partition::PartitionKey;
use crate::rows::Misfits;
use crate::settings::{LakeSettings, Publish};
use crate::store::Store;
use crate::work::WorkDir;

#[derive(Default)]
struct Progress {
    /// Row groups that are encoded before those in front of them.
    early: BTreeMap<u64, Encoded>,
    next_index: u64,
    /// How many row groups there will be, once that is known.
    expected: Option<u64>,
    file: Option<PartFile>,
    ordinal: u32,
}

/// Appends row groups to files in their order, and publishes files as they become complete.
pub(super) struct Parts {
    formats: Formats,
    store: Arc<Store>,
    target_file_size: u64,
    publish: Publish,
    work: Arc<WorkDir>,
    partitions: BTreeMap<PartitionKey, Progress>,
    /// Files that are complete and not yet visible.
    complete: Vec<FinishedPart>,
    published: Vec<LakeFile>,
    misfits: Misfits,
}

impl Parts {
    pub(super) fn new(
        formats: Formats,
        store: Arc<Store>,
        settings: &LakeSettings,
        work: Arc<WorkDir>,
    ) -> Self {
        Self {
            formats,
            store,
            target_file_size: settings.target_file_size,
            publish: settings.publish,
            work,
            partitions: BTreeMap::new(),
            complete: Vec::new(),
            published: Vec::new(),
            misfits: Misfits::new(),
        }
    }

    /// Says how many row groups a partition has in all, so that its file ends with the last.
    pub(super) fn expect(&mut self, key: PartitionKey, row_groups: u64) {
        self.partitions.entry(key).or_default().expected = Some(row_groups);
    }

    /// Takes a row group; it is written when all before it are.
    pub(super) fn append(&mut self, mut encoded: Encoded) -> Result<(), LakeError> {
        add_misfits(&mut self.misfits, std::mem::take(&mut encoded.misfits));
        let key = encoded.key;
        let progress = self.partitions.entry(key).or_default();
        progress.early.insert(encoded.index, encoded);
        while let Some(encoded) = progress.early.remove(&progress.next_index) {
            progress.next_index += 1;
            let mut file = match progress.file.take() {
                Some(file) => file,
                None => {
                    let format = self.formats.of(key.table);
                    PartFile::create(key, progress.ordinal, format, self.work.path())?
                }
            };
            file.append(encoded)?;
            if file.bytes() >= self.target_file_size
                || progress.expected == Some(progress.next_index)
            {
                progress.ordinal += 1;
                self.complete.push(file.finish()?);
            } else {
                progress.file = Some(file);
            }
        }
        match self.publish {
            Publish::Completed => self.publish(),
            Publish::Closed => Ok(()),
        }
    }

    /// Makes the files that are complete visible.
    fn publish(&mut self) -> Result<(), LakeError> {
        if self.complete.is_empty() {
            return Ok(());
        }
        // An export that is run again makes its files again. What a program recorded nobody can make
        // again, so that of one that is killed the complete files stay, recorded or not.
        if self.publish == Publish::Closed {
            let paths = self.complete.iter().map(|part| part.path.as_str());
            self.work.announce(paths)?;
        }
        for part in self.complete.drain(..) {
            self.store.publish(&part.staged, &part.path)?;
            self.published.push(LakeFile {
                table: part.key.table,
                path: part.path,
                rows: part.rows,
                bytes: part.bytes,
            });
        }
        Ok(())
    }

    /// Takes the counts of values that did not fit their column, together with those of `others`.
    pub(super) fn take_misfits(&mut self, others: Misfits) -> Misfits {
        add_misfits(&mut self.misfits, others);
        std::mem::take(&mut self.misfits)
    }

    /// Ends the files that are left and gives all, in the order of their paths.
    pub(super) fn finish(&mut self) -> Result<Vec<LakeFile>, LakeError> {
        for progress in self.partitions.values_mut() {
            if let Some(file) = progress.file.take() {
                self.complete.push(file.finish()?);
            }
        }
        self.publish()?;
        self.published
            .sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(std::mem::take(&mut self.published))
    }
}

fn add_misfits(misfits: &mut Misfits, others: Misfits) {
    for (column, count) in others {
        *misfits.entry(column).or_default() += count;
    }
}
