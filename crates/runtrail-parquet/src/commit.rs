//! The lake's log: one record per export, of what it added.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::LakeError;
use crate::lake::{LakeFile, SourceInfo};
use crate::settings::{Partition, Tables};
use crate::store::{Created, Store};

/// The folder of the log within a lake.
const LOG: &str = "_runtrail/log";

/// How a lake is laid out: exports of one lake agree about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeLayout {
    /// Its tables, as [`Tables`] reads them.
    pub tables: String,
    /// How they are split into folders, as [`Partition`] reads it.
    pub partition: String,
}

impl LakeLayout {
    /// The layout of these settings.
    pub fn new(tables: Tables, partition: Partition) -> Self {
        Self {
            tables: tables.to_string(),
            partition: partition.as_str().to_owned(),
        }
    }
}

/// One export, as the log holds it. There is no clock in it, so that the same export is the same record.
#[derive(Debug, Serialize)]
pub(crate) struct CommitRecord<'a> {
    pub(crate) schema_version: &'static str,
    pub(crate) layout: LakeLayout,
    pub(crate) sources: &'a [SourceInfo],
    pub(crate) parts: &'a [LakeFile],
    /// Parts of earlier records whose rows are in these, or gave way to them.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) removes: &'a [String],
    /// Sources whose export gave way with them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) replaces: &'a BTreeSet<String>,
    /// Not stated by an export that does not look at what the lake holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) carried: Option<&'a [String]>,
    pub(crate) events: u64,
    pub(crate) runs: u64,
    pub(crate) rejects: &'a BTreeMap<String, u64>,
    pub(crate) quarantine: Option<&'a str>,
}

impl CommitRecord<'_> {
    /// Appends the record to the log, unless the log holds it, and gives its path.
    ///
    /// The only operation is "create if absent", which local disks and all object stores have:
    /// who loses a race for a number looks again and takes the next one.
    pub(crate) fn append(&self, store: &Store, work: &Path) -> Result<String, LakeError> {
        let content = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        loop {
            let log = store.read_folder(LOG)?;
            // Before a record that made parts give way, the lake was another one.
            let since = |(_, other): &&(String, String)| *other == content || !is_change(other);
            let latest = log.iter().rev().take_while(since);
            if let Some((name, _)) = latest.into_iter().find(|(_, other)| *other == content) {
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

/// Whether a record made parts of earlier ones give way.
fn is_change(record: &str) -> bool {
    #[derive(Deserialize)]
    struct Removes {
        #[serde(default)]
        removes: Vec<serde::de::IgnoredAny>,
    }
    serde_json::from_str(record).is_ok_and(|record: Removes| !record.removes.is_empty())
}

fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".json")?.parse().ok()
}
