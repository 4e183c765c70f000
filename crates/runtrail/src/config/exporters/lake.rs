//! Lakes.

use std::path::Path;

use runtrail_parquet::{Lake, LakeSettings, MIN_MEMORY, Partition, Tables};

use super::{Around, Opened, Settings, Wrappers};
use crate::config::section::{Document, Section};
use crate::journal::Journaled;

/// What the exporter `parquet` is told.
#[derive(Debug)]
struct Plan {
    tables: Tables,
    partition: Partition,
    settings: LakeSettings,
}

/// Reads the keys of `parquet`.
pub(super) fn read(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> Box<dyn Settings> {
    let default = LakeSettings::default();
    let tables = section.strings("tables", to).map(|at| at.value.join(","));
    let tables = tables.map_or(Ok(Tables::default()), |names| names.parse());
    let tables = tables.unwrap_or_else(|error| {
        to.problem(&section.span_of("tables"), error.to_string(), None);
        Tables::default()
    });
    let partition = section.string("partition", to).map(|at| at.value.parse());
    let partition = partition.unwrap_or(Ok(Partition::default()));
    let partition = partition.unwrap_or_else(|error| {
        to.problem(&section.span_of("partition"), error.to_string(), None);
        Partition::default()
    });
    let settings = LakeSettings {
        memory: section.bytes("memory", to).unwrap_or(default.memory),
        threads: section.number("threads", to).unwrap_or(default.threads),
        row_group_rows: section
            .number("row_group_rows", to)
            .unwrap_or(default.row_group_rows),
        row_group_bytes: section
            .bytes("row_group_bytes", to)
            .unwrap_or(default.row_group_bytes),
        target_file_size: section
            .bytes("target_file_size", to)
            .unwrap_or(default.target_file_size),
        zstd_level: section
            .number::<u16>("zstd_level", to)
            .map_or(default.zstd_level, i32::from),
        publish: default.publish,
    };
    check(&settings, section, to);
    Box::new(Plan {
        tables,
        partition,
        settings,
    })
}

fn check(settings: &LakeSettings, section: &Section<'_, '_>, to: &mut Document<'_>) {
    let least = MIN_MEMORY >> 20;
    let wrong = [
        (
            "memory",
            settings.memory < MIN_MEMORY,
            format!("`memory` must be at least {least}MiB"),
        ),
        (
            "threads",
            settings.threads == 0,
            "`threads` must be at least 1".to_owned(),
        ),
        (
            "row_group_rows",
            settings.row_group_rows == 0,
            "`row_group_rows` must be at least 1".to_owned(),
        ),
        (
            "zstd_level",
            !(1..=22).contains(&settings.zstd_level),
            "`zstd_level` must be 1 to 22".to_owned(),
        ),
    ];
    for (key, _, message) in wrong.into_iter().filter(|(_, wrong, _)| *wrong) {
        to.problem(&section.span_of(key), message, None);
    }
}

impl Settings for Plan {
    fn open(self: Box<Self>, to: &mut String, wrappers: &Wrappers, around: Around<'_>) -> Opened {
        let builder = Lake::local(&*to)
            .tables(self.tables)
            .partition(self.partition)
            .settings(self.settings);
        let tables = self.tables.to_string();
        let within = around.within.clone();
        let lake = Journaled::new(builder.open()?, Path::new(to), tables, within);
        Ok(wrappers.around_events(Box::new(lake), around.pause))
    }
}
