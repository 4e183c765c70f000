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

    /// The folder that a part of a table is in, by the part's path; `None` where the path is none that
    /// [`PartitionKey::path`] gives.
    pub(crate) fn of_part(table: Table, part: &str) -> Option<Self> {
        let (folder, _) = part.rsplit_once('/')?;
        let mut segments = folder.split('/').skip(1);
        let number = |text: &str| text.parse::<u32>().ok();
        let date = match segments.next() {
            Some(segment) => {
                let date = segment.strip_prefix("date=")?;
                let (year, day) = date.rsplit_once('-')?;
                let (year, month) = year.rsplit_once('-')?;
                Some((year.parse().ok()?, number(month)?, number(day)?))
            }
            None => None,
        };
        let hour = match segments.next() {
            Some(segment) => Some(number(segment.strip_prefix("hour=")?)?),
            None => None,
        };
        let key = Self { table, date, hour };
        (key.path() == folder).then_some(key)
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

    #[test]
    fn a_part_tells_its_folder() {
        for folder in [
            "ops",
            "ops/date=2026-11-20",
            "ops/date=2026-11-20/hour=08",
            "ops/date=-001-01-01",
        ] {
            let key = PartitionKey::of_part(Table::Ops, &format!("{folder}/part.parquet"));
            assert_eq!(key.unwrap().path(), folder);
        }
        for folder in [
            "runs/date=2026-11-20",
            "ops/day=1",
            "ops/date=2026-11-20/x",
            "ops/date=2026-1-2",
        ] {
            let part = format!("{folder}/part.parquet");
            assert_eq!(PartitionKey::of_part(Table::Ops, &part), None, "{part}");
        }
    }
}
