//! Trees and event lines.

use std::path::Path;
use std::time::Duration;

use runtrail_core::fold::{Fold, FoldLimits};
use runtrail_json::{EventLines, TreeLimits, TreeStyle};

use super::{Around, Opened, Settings, Wrappers};
use crate::config::problem::one_of;
use crate::config::section::{Document, Section};

/// What the exporter `json` is told.
#[derive(Debug)]
struct Trees {
    style: TreeStyle,
    limits: TreeLimits,
}

/// Reads the keys of `json`.
pub(super) fn read_trees(
    section: &mut Section<'_, '_>,
    to: &mut Document<'_>,
) -> Box<dyn Settings> {
    let default = TreeLimits::default();
    let style = section.string("style", to);
    let style = match style.as_ref().map(|at| at.value) {
        None | Some("pretty") => TreeStyle::Pretty,
        Some("one_line") => TreeStyle::OneLine,
        Some(other) => {
            let help = Some(one_of(other, &["pretty", "one_line"]));
            let place = section.span_of("style");
            to.problem(&place, format!("unknown style `{other}`"), help);
            TreeStyle::Pretty
        }
    };
    Box::new(Trees {
        style,
        limits: TreeLimits {
            max_held_bytes: section
                .bytes("max_held_bytes", to)
                .unwrap_or(default.max_held_bytes),
            max_held_spans: section
                .number("max_held_spans", to)
                .unwrap_or(default.max_held_spans),
        },
    })
}

impl Settings for Trees {
    fn open(self: Box<Self>, to: &mut String, wrappers: &Wrappers, around: Around<'_>) -> Opened {
        let path = Path::new(to);
        let trees = if path.extension().is_some_and(|end| end == "jsonl") {
            runtrail_json::Trees::lines(path)
        } else {
            runtrail_json::Trees::dir(path)
        };
        let trees = trees.style(self.style).limits(self.limits);
        let fold = Fold::new("", FoldLimits::default());
        Ok(wrappers.beneath_fold(Box::new(trees), fold, around.pause))
    }
}

/// What the exporter `jsonl` is told.
#[derive(Debug, Default)]
struct Lines {
    stem: Option<String>,
    max_file_bytes: Option<u64>,
    max_file_time: Option<Duration>,
    zstd_level: Option<i32>,
}

/// Reads the keys of `jsonl`.
pub(super) fn read_lines(
    section: &mut Section<'_, '_>,
    to: &mut Document<'_>,
) -> Box<dyn Settings> {
    let stem = section.string("stem", to);
    let ordinary = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if let Some(stem) = &stem
        && !(stem.value.starts_with(|c: char| c.is_ascii_alphanumeric())
            && stem.value.chars().all(ordinary))
    {
        let message =
            "`stem` must be ASCII letters, digits, `_`, `-` and `.`, a letter or digit first";
        to.problem(&stem.span, message, None);
    }
    Box::new(Lines {
        stem: stem.map(|stem| stem.value.to_owned()),
        max_file_bytes: section.bytes("max_file_bytes", to),
        max_file_time: section.duration("max_file_time", to),
        zstd_level: section
            .number::<u32>("zstd_level", to)
            .map(|level| level as i32),
    })
}

impl Settings for Lines {
    fn open(self: Box<Self>, to: &mut String, wrappers: &Wrappers, around: Around<'_>) -> Opened {
        let mut lines = EventLines::dir(&*to);
        if let Some(stem) = self.stem {
            lines = lines.stem(stem);
        }
        if let Some(bytes) = self.max_file_bytes {
            lines = lines.max_file_bytes(bytes);
        }
        if let Some(time) = self.max_file_time {
            lines = lines.max_file_time(time);
        }
        if let Some(level) = self.zstd_level {
            lines = lines.zstd(level);
        }
        Ok(wrappers.around_events(Box::new(lines), around.pause))
    }
}
