//! Exporters by name.

#[cfg(feature = "json")]
mod json;
#[cfg(feature = "parquet")]
mod lake;
#[cfg_attr(
    not(any(feature = "json", feature = "parquet")),
    expect(dead_code, reason = "without an exporter there is nothing to wrap")
)]
mod wrappers;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use runtrail_core::export::Exporter;
use toml::de::DeTable;

use wrappers::Wrappers;

use super::parts::OpenError;
use super::problem::one_of;
use super::section::{Document, Section};
use crate::pause::Pause;

/// What one kind of exporter is told.
trait Settings: fmt::Debug + Send {
    /// Opens the exporter at a path, with what belongs right around it.
    fn open(
        self: Box<Self>,
        path: &Path,
        wrappers: &Wrappers,
        pause: &Pause,
    ) -> Result<Box<dyn Exporter>, Box<dyn Error + Send + Sync>>;
}

type Read = fn(&mut Section<'_, '_>, &mut Document<'_>) -> Box<dyn Settings>;

/// A name that a configuration may use.
struct Entry {
    name: &'static str,
    feature: &'static str,
    /// `None` where the feature is off.
    read: Option<Read>,
}

const ALL: [Entry; 3] = [
    Entry {
        name: "json",
        feature: "json",
        #[cfg(feature = "json")]
        read: Some(json::read_trees),
        #[cfg(not(feature = "json"))]
        read: None,
    },
    Entry {
        name: "jsonl",
        feature: "json",
        #[cfg(feature = "json")]
        read: Some(json::read_lines),
        #[cfg(not(feature = "json"))]
        read: None,
    },
    Entry {
        name: "parquet",
        feature: "parquet",
        #[cfg(feature = "parquet")]
        read: Some(lake::read),
        #[cfg(not(feature = "parquet"))]
        read: None,
    },
];

/// Returns the exporters that a configuration can name in this build.
pub fn exporter_names() -> Vec<&'static str> {
    let built = ALL.iter().filter(|entry| entry.read.is_some());
    built.map(|entry| entry.name).collect()
}

/// An exporter that is to be opened: where it writes, how, and what is around it.
#[derive(Debug)]
pub struct ExporterPlan {
    name: &'static str,
    path: PathBuf,
    settings: Box<dyn Settings>,
    wrappers: Wrappers,
}

impl ExporterPlan {
    /// Returns the exporter's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns where it writes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the exporter; what it waits for is waited for with `pause`.
    pub(super) fn open(self, pause: &Pause) -> Result<Box<dyn Exporter>, OpenError> {
        let Self {
            name,
            path,
            settings,
            wrappers,
        } = self;
        let opened = settings.open(&path, &wrappers, pause);
        let exporter = opened.map_err(|source| OpenError { name, path, source })?;
        Ok(wrappers.around(exporter))
    }

    /// Makes a plan with the defaults, of a name and a path.
    pub(super) fn plain(name: &str, path: &str) -> Result<Self, (String, Option<String>)> {
        let (name, read) = known(name)?;
        if path.is_empty() {
            return Err((format!("the exporter `{name}` has no path"), None));
        }
        // An empty table means every default.
        let table = DeTable::default();
        let mut section = Section::new(&table, 0..0);
        Ok(Self {
            name,
            path: PathBuf::from(path),
            settings: read(&mut section, &mut Document::new("", "")),
            wrappers: Wrappers::default(),
        })
    }
}

/// Finds a name; or says what is wrong with it, and what to do.
fn known(given: &str) -> Result<(&'static str, Read), (String, Option<String>)> {
    let Some(entry) = ALL.iter().find(|entry| entry.name == given) else {
        let help = one_of(given, &exporter_names());
        return Err((format!("unknown exporter `{given}`"), Some(help)));
    };
    entry.read.map(|read| (entry.name, read)).ok_or_else(|| {
        (
            format!("the exporter `{given}` is not in this program"),
            Some(format!("build it with the feature `{}`", entry.feature)),
        )
    })
}

/// Reads one table of `[[exporters]]`.
pub(super) fn read(mut section: Section<'_, '_>, to: &mut Document<'_>) -> Option<ExporterPlan> {
    let before = to.problems.len();
    let name = section.string("name", to);
    let path = section.string("path", to);
    if to.problems.len() == before && name.is_none() {
        to.problem(&section.span(), "an exporter needs a `name`", None);
    }
    let name = name?;
    let (known, read) = match known(name.value) {
        Ok(found) => found,
        Err((message, help)) => {
            to.problem(&name.span, message, help);
            return None;
        }
    };
    if path.as_ref().is_none_or(|path| path.value.is_empty()) && to.problems.len() == before {
        let place = section.span_of("path");
        to.problem(
            &place,
            format!("the exporter `{known}` needs a `path`"),
            None,
        );
    }
    let path = path.map_or("", |path| path.value);
    let settings = read(&mut section, to);
    let wrappers = wrappers::read(&mut section, to);
    section.finish(to);
    Some(ExporterPlan {
        name: known,
        path: PathBuf::from(path),
        settings,
        wrappers,
    })
}
