//! What a lake is made of, and how much of the machine making it may use.

use std::fmt;
use std::str::FromStr;

/// A table of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// One row per event: the archive.
    Events,
    /// One row per op.
    Ops,
    /// One row per group.
    Groups,
    /// One row per run.
    Runs,
    /// One row for each thing that started a run.
    Links,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 5] = [
        Table::Events,
        Table::Ops,
        Table::Groups,
        Table::Runs,
        Table::Links,
    ];

    /// Returns the table's name, which is its folder's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Ops => "ops",
            Self::Groups => "groups",
            Self::Runs => "runs",
            Self::Links => "links",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A setting that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not one of {known}")]
pub struct UnknownSetting {
    given: String,
    known: &'static str,
}

/// The tables to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tables([bool; Table::ALL.len()]);

impl Tables {
    /// Whether a table is among them.
    pub fn contains(self, table: Table) -> bool {
        self.0[table as usize]
    }

    /// Whether any table needs the spans of a run.
    pub fn need_spans(self) -> bool {
        self.contains(Table::Ops) || self.contains(Table::Groups)
    }
}

impl fmt::Display for Tables {
    /// As [`Tables::from_str`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Table::ALL.into_iter().filter(|table| self.contains(*table));
        let names: Vec<_> = names.map(Table::as_str).collect();
        f.write_str(&names.join(","))
    }
}

impl Default for Tables {
    /// All tables.
    fn default() -> Self {
        Self([true; Table::ALL.len()])
    }
}

impl FromStr for Tables {
    type Err = UnknownSetting;

    /// Reads names separated by commas; an empty list is refused.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut tables = Self([false; Table::ALL.len()]);
        for name in text.split(',').map(str::trim) {
            let table = Table::ALL.into_iter().find(|table| table.as_str() == name);
            let known = "events, ops, groups, runs, links";
            let table = table.ok_or_else(|| UnknownSetting {
                given: name.to_owned(),
                known,
            })?;
            tables.0[table as usize] = true;
        }
        Ok(tables)
    }
}

/// How a table's files are laid out in folders, by the UTC time of the event, of the start of the
/// op, group or run, or of what started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Partition {
    /// `date=2026-11-20/`.
    #[default]
    Date,
    /// `date=2026-11-20/hour=03/`.
    Hour,
    /// All files in the table's folder.
    None,
}

impl Partition {
    /// Returns the name that [`Partition::from_str`] reads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Hour => "hour",
            Self::None => "none",
        }
    }
}

impl FromStr for Partition {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "date" => Ok(Self::Date),
            "hour" => Ok(Self::Hour),
            "none" => Ok(Self::None),
            _ => Err(UnknownSetting {
                given: text.to_owned(),
                known: "date, hour, none",
            }),
        }
    }
}

/// The least memory, in bytes, that a lake can be written in; see [`LakeSettings::memory`].
pub const MIN_MEMORY: usize = 32 << 20;

/// When the files of an export become visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Publish {
    /// Each when it is complete.
    #[default]
    Completed,
    /// All when the export ends, one right after the other.
    Closed,
}

/// How a lake is written. The numbers that decide about bytes are `row_group_rows`,
/// `row_group_bytes`, `target_file_size` and `zstd_level`; memory and threads never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LakeSettings {
    /// Bytes of memory for rows that wait and for row groups that are being encoded, about. Rows
    /// that do not fit wait in a temporary file. At least [`MIN_MEMORY`].
    pub memory: usize,
    /// Threads that encode. One encodes on the calling thread.
    pub threads: usize,
    /// Rows of a row group, at most.
    pub row_group_rows: usize,
    /// Bytes of values of a row group, about; one long row may exceed it.
    pub row_group_bytes: usize,
    /// Bytes after which a file is ended at the next row group.
    pub target_file_size: u64,
    /// The Zstandard level, 1 to 22.
    pub zstd_level: i32,
    /// When files become visible.
    pub publish: Publish,
}

impl LakeSettings {
    /// The settings of a batch export: the row groups that readers like best, visible when all is written.
    pub fn batch(memory: usize, threads: usize) -> Self {
        Self {
            memory,
            threads: threads.max(1),
            row_group_rows: 131_072,
            row_group_bytes: 64 << 20,
            target_file_size: 512 << 20,
            zstd_level: 3,
            publish: Publish::Closed,
        }
    }
}

impl Default for LakeSettings {
    /// The settings of an exporter inside a program: 64 MiB, so smaller row groups, one thread.
    fn default() -> Self {
        Self {
            row_group_bytes: 8 << 20,
            publish: Publish::Completed,
            ..Self::batch(64 << 20, 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_others_are_named() {
        let tables: Tables = "runs, events".parse().unwrap();
        assert!(
            tables.contains(Table::Runs) && tables.contains(Table::Events) && !tables.need_spans()
        );
        let error = "events,op".parse::<Tables>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"op\" is not one of events, ops, groups, runs, links"
        );
        assert!("".parse::<Tables>().is_err());
        assert_eq!("hour".parse(), Ok(Partition::Hour));
    }
}
