//! Parts whose rows give way to those of an export.

use super::changes::Whole;
use super::tidy::remove_empty;
use super::{Lake, LakeFile};
use crate::error::{LakeError, LakeReadError};
use crate::partition::PartitionKey;
use crate::read::ListedPart;
use crate::read::TablePart;
use crate::store::Store;

impl Lake {
    /// Takes over the rows of the parts that hold runs which come whole, without those of these runs, and
    /// returns the parts that thereby give way, in the order of their paths.
    pub(super) fn take_over(&mut self) -> Result<Vec<String>, LakeError> {
        let Some(lake) = self.changes.lake.clone() else {
            return Ok(Vec::new());
        };
        let mut gone = Vec::new();
        for part in &lake.listing().parts {
            if self.changes.parts.contains(&part.path)
                || matches!(self.changes.whole, Whole::Every)
                || self.take_over_part(&lake, part)?
            {
                gone.push(part.path.clone());
            }
        }
        // What is not there gives way by being listed no longer.
        let missing = lake.listing().missing.iter().map(|part| &part.path);
        let every = matches!(self.changes.whole, Whole::Every);
        let missing = missing.filter(|path| every || self.changes.parts.contains(*path));
        gone.extend(missing.cloned());
        gone.sort_unstable();
        Ok(gone)
    }

    /// Takes over a part's rows of other runs; whether it holds any of a run that comes whole.
    fn take_over_part(
        &mut self,
        lake: &crate::read::LakeReader,
        part: &ListedPart,
    ) -> Result<bool, LakeError> {
        let Whole::Also(_) = &self.changes.whole else {
            return Ok(false);
        };
        let open = TablePart::open(lake.root(), part.table, &part.path)?;
        let mut touched = false;
        open.each_run(&mut |run| touched |= self.changes.whole.replaces(run))?;
        if !touched {
            return Ok(false);
        }
        let what = "it is in no folder that a lake has";
        let key = PartitionKey::of_part(part.table, &part.path)
            .ok_or_else(|| LakeReadError::damaged(&part.path, what))?;
        let whole = self.changes.whole.clone();
        let gone = |run: &str| whole.replaces(run);
        open.rows_of_others(&gone, &mut |rows| {
            if self.waiting.push_rows(key, rows)? {
                self.encode(key)?;
            }
            Ok(())
        })?;
        Ok(true)
    }

    /// Removes the parts that gave way and what was known of runs that are carried no more, once a record
    /// says so.
    pub(super) fn remove(&self, gone: &[String], carried: &[String]) -> Result<(), LakeError> {
        let lake = self.changes.lake.as_ref();
        let before = lake.map(|lake| lake.listing().carried().1);
        let before = before.unwrap_or_default().iter();
        let before = before.filter(|before| !carried.contains(before));
        for path in gone.iter().chain(before) {
            self.store.remove(path)?;
            if let Store::Local(root) = &*self.store {
                remove_empty(root, &root.join(path));
            }
        }
        Ok(())
    }
}

pub(super) fn is_listed(files: &[LakeFile], path: &str) -> bool {
    files
        .binary_search_by(|file| file.path.as_str().cmp(path))
        .is_ok()
}
