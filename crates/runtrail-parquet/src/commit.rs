//! The lake's log: one record per export, of what it added.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::error::LakeError;
use crate::lake::{LakeFile, SourceInfo};
use crate::schema::SCHEMA_VERSION;
use crate::store::{Created, Store};

/// The folder of the log within a lake.
const LOG: &str = "_runtrail/log";

/// One export, as the log holds it. There is no clock in it, so that the same export is the same record.
#[derive(Debug, Serialize)]
pub(crate) struct CommitRecord<'a> {
    pub(crate) schema_version: &'static str,
    pub(crate) sources: &'a [SourceInfo],
    pub(crate) parts: &'a [LakeFile],
    pub(crate) events: u64,
    pub(crate) runs: u64,
    pub(crate) rejects: &'a BTreeMap<String, u64>,
    pub(crate) quarantine: Option<&'a str>,
}

impl<'a> CommitRecord<'a> {
    pub(crate) fn new(
        sources: &'a [SourceInfo],
        parts: &'a [LakeFile],
        rejects: &'a BTreeMap<String, u64>,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            sources,
            parts,
            events: 0,
            runs: 0,
            rejects,
            quarantine: None,
        }
    }

    /// Appends the record to the log, unless the log holds it, and gives its path.
    ///
    /// The only operation is "create if absent", which local disks and all object stores have:
    /// who loses a race for a number looks again and takes the next one.
    pub(crate) fn append(&self, store: &Store, work: &Path) -> Result<String, LakeError> {
        let content = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        loop {
            let log = store.read_folder(LOG)?;
            if let Some((name, _)) = log.iter().find(|(_, other)| *other == content) {
                return Ok(format!("{LOG}/{name}"));
            }
            let next = log
                .iter()
                .filter_map(|(name, _)| number(name))
                .max()
                .map_or(0, |last| last + 1);
            let path = format!("{LOG}/{next:020}.json");
            if store.create(work, &path, &content)? == Created::Yes {
                return Ok(path);
            }
        }
    }
}

fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".json")?.parse().ok()
}
