//! Which files a lake is made of: what its log says, and what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::carried::CARRIED;
use crate::commit::LakeLayout;
use crate::error::LakeReadError;
use crate::lake::SourceInfo;
use crate::settings::Table;

/// A record of the log that is larger is not one.
const MAX_RECORD: u64 = 256 << 20;

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPart {
    /// Its table.
    pub table: Table,
    /// Its path within the lake.
    pub path: String,
    /// Its rows, as the log has them.
    pub rows: Option<u64>,
    /// Its size in bytes, as the log has it.
    pub bytes: Option<u64>,
}

/// A record of the log: one export. Fields that this version does not know are passed over.
#[derive(Debug, Clone, Deserialize)]
pub struct LogRecord {
    /// Its path within the lake.
    #[serde(skip)]
    pub path: String,
    /// What was exported.
    #[serde(default)]
    pub sources: Vec<SourceInfo>,
    /// How, where the record says so.
    #[serde(default)]
    pub layout: Option<LakeLayout>,
    #[serde(default)]
    parts: Vec<LoggedPart>,
    /// Files of earlier records that this one took the place of.
    #[serde(default)]
    removes: Vec<String>,
    /// Sources of earlier records whose export gave way with these.
    #[serde(default)]
    replaces: Vec<String>,
    /// The files of the runs that are carried after this export; not stated by exports that do not look at
    /// what the lake holds.
    #[serde(default)]
    carried: Option<Vec<String>>,
    /// The events that it wrote.
    #[serde(default)]
    pub events: u64,
    /// The runs that it wrote.
    #[serde(default)]
    pub runs: u64,
    /// What it did not, by reason.
    #[serde(default)]
    pub rejects: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Deserialize)]
struct LoggedPart {
    table: String,
    path: String,
    #[serde(default)]
    rows: Option<u64>,
    #[serde(default)]
    bytes: Option<u64>,
}

/// The files of a lake.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// The parts to read, by path.
    pub parts: Vec<ListedPart>,
    /// Files in the tables' folders that no record of the log lists, by path.
    pub stray: Vec<String>,
    /// Parts that a record lists and that are not there.
    pub missing: Vec<ListedPart>,
    /// The records of the log, in their order.
    pub records: Vec<LogRecord>,
    /// Records that could not be read, and why.
    pub bad_records: Vec<(String, String)>,
}

/// What holds something of certain sources: rows that gave way to others came with them, and runs that
/// were carried go on in the next export.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Parts, by their paths.
    pub parts: BTreeSet<String>,
    /// All sources that these hold something of.
    pub sources: BTreeSet<String>,
    /// Whether runs that are carried are among it.
    pub carried: bool,
    /// Whether exports that name no source added something to it, as programs do that record.
    pub unnamed: bool,
}

impl Listing {
    /// Looks at a lake's log and folders.
    pub(crate) fn read(root: &Path) -> Result<Self, LakeReadError> {
        let mut listing = Self::default();
        listing.read_log(root)?;
        let mut present = BTreeMap::new();
        for table in Table::ALL {
            find_files(root, table, &mut present)?;
        }
        let mut listed = listing.listed();
        // A file that no record lists may be one of a record that cannot be read.
        if listing.records.is_empty() || !listing.bad_records.is_empty() {
            let parquet = present
                .iter()
                .filter(|(path, _)| path.ends_with(".parquet"));
            for (path, table) in parquet {
                listed.entry(path.clone()).or_insert_with(|| ListedPart {
                    table: *table,
                    path: path.clone(),
                    rows: None,
                    bytes: None,
                });
            }
        }
        let known: BTreeSet<&String> = listed.keys().collect();
        listing.stray = present
            .keys()
            .filter(|path| !known.contains(path))
            .cloned()
            .collect();
        for (path, part) in listed {
            if present.contains_key(&path) {
                listing.parts.push(part);
            } else {
                listing.missing.push(part);
            }
        }
        Ok(listing)
    }

    /// The parts that the log lists, by path.
    pub(crate) fn listed(&self) -> BTreeMap<String, ListedPart> {
        // Two exports of the same content list the same file, and what gave way may come again.
        let mut listed = BTreeMap::new();
        for record in &self.records {
            for path in &record.removes {
                listed.remove(path);
            }
            listed.extend(record.parts().map(|part| (part.path.clone(), part)));
        }
        listed
    }

    /// Returns the parts that gave way to others, by path: their export was to remove them.
    pub(crate) fn gone(&self) -> BTreeSet<&str> {
        let listed = self.listed();
        let removes = self.records.iter().flat_map(|record| &record.removes);
        let gone = removes.filter(|path| is_inside(path) && !listed.contains_key(*path));
        gone.map(String::as_str).collect()
    }

    /// Returns the files of carried runs that the log names, and of them those that count.
    pub(crate) fn carried(&self) -> (BTreeSet<&String>, &[String]) {
        let stated = self
            .records
            .iter()
            .filter_map(|record| record.carried.as_deref());
        let is_one = |path: &&String| is_inside(path) && path.starts_with(CARRIED);
        let current = stated.clone().next_back().unwrap_or_default();
        (stated.flatten().filter(is_one).collect(), current)
    }

    /// Returns what was exported of each source, as the latest record that names it has it.
    pub fn sources(&self) -> BTreeMap<&str, &SourceInfo> {
        let mut sources = BTreeMap::new();
        for record in &self.records {
            for name in &record.replaces {
                sources.remove(name.as_str());
            }
            for source in &record.sources {
                sources.insert(source.name.as_str(), source);
            }
        }
        sources
    }

    /// Returns what holds something of sources, by their names. Sources of the same content hold the same.
    pub fn held_of(&self, sources: &BTreeSet<String>) -> Held {
        self.held(BTreeSet::new(), sources.clone(), false)
    }

    /// Returns what holds something of the sources that parts, by their paths, hold something of; with
    /// `carried`, also of those that the runs came from that are carried.
    pub fn held_with(&self, parts: &BTreeSet<String>, carried: bool) -> Held {
        self.held(parts.clone(), BTreeSet::new(), carried)
    }

    fn held(
        &self,
        mut parts: BTreeSet<String>,
        mut all: BTreeSet<String>,
        with_carried: bool,
    ) -> Held {
        let mut found = vec![false; self.records.len()];
        let carries = |at: usize| {
            let carried = self.records[at].carried.as_ref();
            carried.is_some_and(|files| !files.is_empty())
        };
        let known = self.sources();
        let content = |source: &SourceInfo| (source.bytes, source.hash.clone());
        let last = self
            .records
            .iter()
            .rposition(|record| record.carried.is_some());
        if let Some(last) = last.filter(|last| with_carried && carries(*last)) {
            found[last] = true;
            self.records[last].add_to(&mut parts, &mut all);
        }
        loop {
            let before = (found.clone(), all.len());
            for (at, record) in self.records.iter().enumerate() {
                let from_before = at > 0 && found[at - 1] && carries(at - 1);
                let to_next = before.0.get(at + 1) == Some(&true) && carries(at);
                let mut paths = record
                    .parts()
                    .map(|part| part.path)
                    .chain(record.removes.iter().cloned());
                let mut names = record.sources.iter().map(|source| &source.name);
                found[at] |= from_before
                    || to_next
                    || names.any(|name| all.contains(name))
                    || paths.any(|path| parts.contains(&path));
                if found[at] {
                    record.add_to(&mut parts, &mut all);
                }
            }
            let held = all.iter().filter_map(|name| known.get(name.as_str()));
            let held = held.filter(|source| source.hash.is_some());
            let held: BTreeSet<_> = held.map(|source| content(source)).collect();
            let alike = known.values();
            let alike = alike.filter(|source| held.contains(&content(source)));
            all.extend(alike.map(|source| source.name.clone()));
            if before == (found.clone(), all.len()) {
                break;
            }
        }
        let listed = self.listed();
        parts.retain(|path| listed.contains_key(path));
        all.retain(|name| known.contains_key(name.as_str()));
        let records = self.records.iter().zip(&found);
        let mut found_records = records.filter(|(_, found)| **found);
        // One that only closed runs which were carried had nothing else to read.
        let is_unnamed = |record: &LogRecord| record.sources.is_empty() && record.events > 0;
        Held {
            parts,
            sources: all,
            carried: last.is_some_and(|last| found[last]),
            unnamed: found_records.any(|(record, _)| is_unnamed(record)),
        }
    }

    /// Returns what tells the events of the lake from any others: a hash of the names of their parts, which
    /// are named after their content. `None` where a part is missing, or a record cannot be read.
    pub fn events_hash(&self) -> Option<String> {
        if !self.missing.is_empty() || !self.bad_records.is_empty() {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        for part in self.parts_of(Table::Events) {
            hasher.update(part.path.as_bytes()).update(b"\n");
        }
        Some(hasher.finalize().to_hex().to_string())
    }

    /// Returns the parts of a table.
    pub fn parts_of(&self, table: Table) -> impl Iterator<Item = &ListedPart> {
        self.parts.iter().filter(move |part| part.table == table)
    }

    fn read_log(&mut self, root: &Path) -> Result<(), LakeReadError> {
        let folder = root.join("_runtrail/log");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(LakeReadError::io(&folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| LakeReadError::io(&folder, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if Path::new(&name)
                .extension()
                .is_some_and(|ending| ending == "json")
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        for name in names {
            let path = format!("_runtrail/log/{name}");
            match read_record(&folder.join(&name)) {
                Ok(record) => self.records.push(LogRecord { path, ..record }),
                Err(why) => self.bad_records.push((path, why)),
            }
        }
        Ok(())
    }
}

impl LogRecord {
    /// Returns the parts that it lists.
    pub fn parts(&self) -> impl Iterator<Item = ListedPart> {
        self.parts.iter().filter_map(|part| {
            let mut tables = Table::ALL.into_iter();
            let table = tables.find(|table| table.as_str() == part.table)?;
            is_inside(&part.path).then(|| ListedPart {
                table,
                path: part.path.clone(),
                rows: part.rows,
                bytes: part.bytes,
            })
        })
    }

    /// Adds the parts and the sources that it names.
    fn add_to(&self, parts: &mut BTreeSet<String>, sources: &mut BTreeSet<String>) {
        parts.extend(self.parts().map(|part| part.path));
        parts.extend(self.removes.iter().cloned());
        sources.extend(self.sources.iter().map(|source| source.name.clone()));
    }
}

fn read_record(path: &Path) -> Result<LogRecord, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_RECORD {
        return Err(format!("{size} bytes are too many for a record"));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Whether a path that a record states stays within the lake.
fn is_inside(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    !path.contains('\\') && path.split('/').all(plain)
}

fn find_files(
    root: &Path,
    table: Table,
    found: &mut BTreeMap<String, Table>,
) -> Result<(), LakeReadError> {
    let mut folders = vec![table.as_str().to_owned()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LakeReadError::io(&path, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| LakeReadError::io(&path, error))?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let kind = entry
                .file_type()
                .map_err(|error| LakeReadError::io(&path, error))?;
            if kind.is_dir() {
                folders.push(name);
            } else {
                found.insert(name, table);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_records_stay_within_the_lake() {
        for (path, inside) in [
            ("events/date=2026-01-01/part-0.parquet", true),
            ("../events/x.parquet", false),
            ("/etc/passwd", false),
            ("events//x", false),
            ("events/./x", false),
            ("events\\..\\x", false),
        ] {
            assert_eq!(is_inside(path), inside, "{path}");
        }
    }
}
