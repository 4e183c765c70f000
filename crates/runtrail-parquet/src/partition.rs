//! Which folder a row belongs in.

use runtrail_core::time::Timestamp;

use crate::settings::{Partition, Table};

/// One folder of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PartitionKey {
    pub(crate) table: Table,
    date: Option<(i32, u32, u32)>,
    hour: Option<u32>,
}

impl PartitionKey {
    /// The folder of a row whose event, or start, was at that time.
    pub(crate) fn of(table: Table, partition: Partition, at: Timestamp) -> Self {
        match partition {
            Partition::None => Self {
                table,
                date: None,
                hour: None,
            },
            Partition::Date => Self {
                table,
                date: Some(at.date()),
                hour: None,
            },
            Partition::Hour => Self {
                table,
                date: Some(at.date()),
                hour: Some(at.hour()),
            },
        }
    }

    /// The folder's path within the lake, Hive style.
    pub(crate) fn path(&self) -> String {
        let mut path = self.table.as_str().to_owned();
        if let Some((year, month, day)) = self.date {
            path.push_str(&format!("/date={year:04}-{month:02}-{day:02}"));
        }
        if let Some(hour) = self.hour {
            path.push_str(&format!("/hour={hour:02}"));
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_hive_style_by_utc_time() {
        let at = Timestamp::parse("2026-11-21T01:30:00+07:00").unwrap();
        let path = |partition| PartitionKey::of(Table::Events, partition, at).path();
        assert_eq!(path(Partition::Date), "events/date=2026-11-20");
        assert_eq!(path(Partition::Hour), "events/date=2026-11-20/hour=18");
        assert_eq!(path(Partition::None), "events");
    }
}
