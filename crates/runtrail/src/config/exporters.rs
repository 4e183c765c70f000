//! Exporters by name.

#[cfg(feature = "json")]
mod json;
#[cfg(feature = "parquet")]
mod lake;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg_attr(
    not(any(feature = "json", feature = "parquet", feature = "otlp")),
    expect(dead_code, reason = "without an exporter there is nothing to wrap")
)]
mod wrappers;

use std::error::Error;
use std::fmt;

use runtrail_core::export::Exporter;
use toml::de::DeTable;

use wrappers::Wrappers;

use super::parts::OpenError;
use super::problem::{Place, one_of};
use super::section::{Document, Section};
use crate::pause::Pause;

/// What an exporter finds around it when it is opened.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// What it waits with.
    #[cfg_attr(
        not(any(feature = "json", feature = "parquet", feature = "otlp")),
        expect(dead_code, reason = "there is no exporter that waits")
    )]
    pub(super) pause: &'a Pause,
    /// The environment, as far as it is taken in.
    #[cfg_attr(
        not(feature = "otlp"),
        expect(
            dead_code,
            reason = "OpenTelemetry's variables are for its exporter alone"
        )
    )]
    pub(super) variables: &'a [(String, String)],
    /// The pipeline that it will be in.
    #[cfg(feature = "parquet")]
    pub(super) within: &'a crate::journal::Within,
}

type Opened = Result<Box<dyn Exporter>, Box<dyn Error + Send + Sync>>;

/// What one kind of exporter is told.
trait Settings: fmt::Debug + Send {
    /// Opens the exporter for a destination, with what belongs right around it; may put the
    /// destination more exactly.
    fn open(self: Box<Self>, to: &mut String, wrappers: &Wrappers, around: Around<'_>) -> Opened;
}

type Read = fn(&mut Section<'_, '_>, &mut Document<'_>) -> Box<dyn Settings>;

/// A name that a configuration may use.
struct Entry {
    name: &'static str,
    feature: &'static str,
    /// The key of its destination.
    key: Key,
    /// Whether it can fail so that nobody knows whether it happened.
    is_unsure: bool,
    /// `None` where the feature is off.
    read: Option<Read>,
}

/// The key of an exporter's destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// A `path`, which is required. The wrappers can be around it.
    Path,
    /// An `endpoint`, which OpenTelemetry's variables can name too. It has its own ways to try
    /// again and to keep to a rate.
    Endpoint,
}

impl Key {
    fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Endpoint => "endpoint",
        }
    }
}

static ALL: [Entry; 5] = [
    Entry {
        name: "json",
        feature: "json",
        key: Key::Path,
        is_unsure: false,
        #[cfg(feature = "json")]
        read: Some(json::read_trees),
        #[cfg(not(feature = "json"))]
        read: None,
    },
    Entry {
        name: "jsonl",
        feature: "json",
        key: Key::Path,
        is_unsure: false,
        #[cfg(feature = "json")]
        read: Some(json::read_lines),
        #[cfg(not(feature = "json"))]
        read: None,
    },
    Entry {
        name: "parquet",
        feature: "parquet",
        key: Key::Path,
        is_unsure: true,
        #[cfg(feature = "parquet")]
        read: Some(lake::read),
        #[cfg(not(feature = "parquet"))]
        read: None,
    },
    Entry {
        name: "otlp",
        feature: "otlp",
        key: Key::Endpoint,
        is_unsure: false,
        #[cfg(feature = "otlp")]
        read: Some(otlp::read),
        #[cfg(not(feature = "otlp"))]
        read: None,
    },
    Entry {
        name: "otlp-json",
        feature: "otlp",
        key: Key::Path,
        is_unsure: false,
        #[cfg(feature = "otlp")]
        read: Some(otlp::read_lines),
        #[cfg(not(feature = "otlp"))]
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
    /// An endpoint may hold a secret.
    to: Destination,
    place: Place,
    settings: Box<dyn Settings>,
    wrappers: Wrappers,
}

struct Destination(String);

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.0).fmt(f)
    }
}

impl ExporterPlan {
    /// Returns the exporter's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns where it writes or sends, without what may be secret in a URL; empty where that is
    /// left to OpenTelemetry's variables.
    pub fn destination(&self) -> String {
        shown(&self.to.0)
    }

    /// Returns who named it.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Opens the exporter; returns it with where it writes and who said so.
    pub(super) fn open(
        self,
        around: Around<'_>,
    ) -> Result<(Box<dyn Exporter>, String, Place), OpenError> {
        let Self {
            name,
            to: Destination(mut to),
            place,
            settings,
            wrappers,
        } = self;
        match settings.open(&mut to, &wrappers, around) {
            Ok(exporter) => Ok((wrappers.around(exporter), shown(&to), place)),
            Err(source) => Err(OpenError {
                name,
                to: shown(&to),
                source,
            }),
        }
    }

    /// Makes a plan with the defaults, of a name and a destination.
    pub(super) fn plain(
        name: &str,
        to: &str,
        place: Place,
    ) -> Result<Self, (String, Option<String>)> {
        let (entry, read) = known(name)?;
        let name = entry.name;
        if to.is_empty() && entry.key == Key::Path {
            let help = format!("write `{name}:PATH`");
            return Err((format!("the exporter `{name}` has no path"), Some(help)));
        }
        // An empty table means every default.
        let table = DeTable::default();
        let mut section = Section::new(&table, 0..0);
        Ok(Self {
            name,
            to: Destination(to.to_owned()),
            place,
            settings: read(&mut section, &mut Document::new("", "")),
            wrappers: Wrappers::default(),
        })
    }
}

/// A destination without the user, the password and the query of a URL.
fn shown(to: &str) -> String {
    let Some((scheme, rest)) = to.split_once("://") else {
        return to.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// Finds a name; or says what is wrong with it, and what to do.
fn known(given: &str) -> Result<(&'static Entry, Read), (String, Option<String>)> {
    let Some(entry) = ALL.iter().find(|entry| entry.name == given) else {
        let help = one_of(given, &exporter_names());
        return Err((format!("unknown exporter `{given}`"), Some(help)));
    };
    entry.read.map(|read| (entry, read)).ok_or_else(|| {
        (
            format!("the exporter `{given}` is not in this program"),
            Some(format!("build it with the feature `{}`", entry.feature)),
        )
    })
}

/// Reads one table of `[[exporters]]`.
pub(super) fn read(mut section: Section<'_, '_>, to: &mut Document<'_>) -> Option<ExporterPlan> {
    let before = to.problems.len();
    let place = to.place(&section.span());
    let name = section.string("name", to);
    if to.problems.len() == before && name.is_none() {
        to.problem(&section.span(), "an exporter needs a `name`", None);
    }
    let name = name?;
    let (entry, read) = match known(name.value) {
        Ok(found) => found,
        Err((message, help)) => {
            to.problem(&name.span, message, help);
            return None;
        }
    };
    let (known, key) = (entry.name, entry.key.as_str());
    let destination = section.string(key, to);
    let is_missing = destination.as_ref().is_none_or(|at| at.value.is_empty());
    if is_missing && entry.key == Key::Path && to.problems.len() == before {
        let message = format!("the exporter `{known}` needs a `path`");
        to.problem(&section.span_of("path"), message, None);
    }
    let destination = destination.map_or("", |at| at.value);
    let settings = read(&mut section, to);
    let wrappers = match entry.key {
        Key::Path => wrappers::read(&mut section, entry.is_unsure, to),
        Key::Endpoint => Wrappers::default(),
    };
    section.finish(to);
    Some(ExporterPlan {
        name: known,
        to: Destination(destination.to_owned()),
        place,
        settings,
        wrappers,
    })
}
