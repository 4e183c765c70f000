//! The numbers of the pipeline: the table `[pipeline]` and a variable for each of its keys.

use std::time::Duration;

use runtrail_core::pipeline::{Overflow, Settings};

use super::problem::{Place, Problem, one_of};
use super::section::{Document, Section};
use super::units;

/// Changes settings after everybody else did.
pub(super) type Change = Box<dyn FnOnce(&mut Settings) + Send>;

type Field<T> = fn(&mut Settings) -> &mut T;

/// What a setting takes.
enum Kind {
    Count(Field<usize>),
    Bytes(Field<usize>),
    Time(Field<Duration>),
    Overflow(Field<Overflow>),
}

const KEYS: [(&str, Kind); 10] = [
    ("ring_events", Kind::Count(|s| &mut s.ring_events)),
    ("max_bytes", Kind::Bytes(|s| &mut s.max_bytes)),
    (
        "max_payload_bytes",
        Kind::Bytes(|s| &mut s.max_payload_bytes),
    ),
    ("overflow", Kind::Overflow(|s| &mut s.overflow)),
    ("batch_events", Kind::Count(|s| &mut s.batch_events)),
    ("queue_events", Kind::Count(|s| &mut s.queue_events)),
    ("tick", Kind::Time(|s| &mut s.tick)),
    ("max_open", Kind::Count(|s| &mut s.max_open)),
    ("max_runs", Kind::Count(|s| &mut s.max_runs)),
    ("drop_deadline", Kind::Time(|s| &mut s.drop_deadline)),
];

const OVERFLOWS: &str = "must be \"drop_newest\", \"drop_oldest\" or, with a time, \"block 50ms\"";

/// Settings, and who said those that are not the default.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) settings: Settings,
    origins: Vec<(&'static str, Place)>,
}

impl Said {
    /// Reads the table `[pipeline]`.
    pub(super) fn read(&mut self, mut section: Section<'_, '_>, to: &mut Document<'_>) {
        for (key, kind) in &KEYS {
            let settings = &mut self.settings;
            let read = match kind {
                Kind::Count(field) => section.number(key, to).map(|n| *field(settings) = n),
                Kind::Bytes(field) => section.bytes(key, to).map(|n| *field(settings) = n),
                Kind::Time(field) => section.duration(key, to).map(|n| *field(settings) = n),
                Kind::Overflow(field) => section.string(key, to).and_then(|at| {
                    let read = overflow(at.value);
                    if read.is_none() {
                        to.problem(&at.span, format!("`{key}` {OVERFLOWS}"), None);
                    }
                    read.map(|overflow| *field(settings) = overflow)
                }),
            };
            if read.is_some() {
                self.note(key, to.place(&section.span_of(key)));
            }
        }
        section.finish(to);
    }

    /// Reads a variable, given without its prefix; says what is wrong with it.
    pub(super) fn variable(
        &mut self,
        full_name: &str,
        name: &str,
        value: &str,
    ) -> Result<(), (String, Option<String>)> {
        let found = KEYS
            .iter()
            .find(|(key, _)| name == key.to_ascii_uppercase());
        let Some((key, kind)) = found else {
            return Err(unknown(full_name));
        };
        let settings = &mut self.settings;
        let read = match kind {
            Kind::Count(field) => parsed(value).map(|n| *field(settings) = n),
            Kind::Bytes(field) => units::bytes(value)
                .and_then(|bytes| usize::try_from(bytes).ok())
                .map(|n| *field(settings) = n),
            Kind::Time(field) => units::duration(value).map(|n| *field(settings) = n),
            Kind::Overflow(field) => overflow(value).map(|n| *field(settings) = n),
        };
        if read.is_none() {
            let wanted = match kind {
                Kind::Count(_) => "must be a whole number, not negative",
                Kind::Bytes(_) => "must be a size such as 64MiB",
                Kind::Time(_) => "must be a time such as 30s or 200ms",
                Kind::Overflow(_) => OVERFLOWS,
            };
            return Err((wanted.to_owned(), None));
        }
        self.note(key, Place::Environment(full_name.to_owned()));
        Ok(())
    }

    /// Lets the program have the last word.
    pub(super) fn change(&mut self, change: Change) {
        let mut before = self.settings.clone();
        change(&mut self.settings);
        let after = &mut self.settings;
        let changed = KEYS.iter().filter(|(_, kind)| match kind {
            Kind::Count(field) | Kind::Bytes(field) => field(&mut before) != field(after),
            Kind::Time(field) => field(&mut before) != field(after),
            Kind::Overflow(field) => field(&mut before) != field(after),
        });
        for key in changed.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.note(key, Place::Code);
        }
    }

    fn note(&mut self, key: &'static str, place: Place) {
        self.origins.retain(|(known, _)| *known != key);
        self.origins.push((key, place));
    }

    /// Notes what is out of range, where it was said.
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        for (key, says) in self.settings.problems() {
            let origin = self.origins.iter().find(|(known, _)| *known == key);
            problems.push(Problem {
                place: origin.map_or(Place::Code, |(_, place)| place.clone()),
                message: format!("`{key}` {says}"),
                help: None,
            });
        }
    }

    /// What is not the default: each with its value and who said it, in the order of the keys.
    pub(super) fn told(&self) -> Vec<(&'static str, String, &Place)> {
        let mut settings = self.settings.clone();
        let told = KEYS.iter().filter_map(|(key, kind)| {
            let (_, place) = self.origins.iter().find(|(known, _)| known == key)?;
            let value = match kind {
                Kind::Count(field) | Kind::Bytes(field) => field(&mut settings).to_string(),
                Kind::Time(field) => format!("{:?}", field(&mut settings)),
                Kind::Overflow(field) => match field(&mut settings) {
                    Overflow::DropNewest => "drop_newest".to_owned(),
                    Overflow::DropOldest => "drop_oldest".to_owned(),
                    Overflow::Block(time) => format!("block {time:?}"),
                },
            };
            Some((*key, value, place))
        });
        told.collect()
    }
}

/// What is wrong with a variable that is none of these.
fn unknown(full_name: &str) -> (String, Option<String>) {
    let keys = KEYS.iter().map(|(key, _)| key.to_ascii_uppercase());
    let mut known: Vec<String> = ["ENABLED", "SAMPLE_RATE", "EXPORTERS"]
        .map(str::to_owned)
        .into_iter()
        .chain(keys)
        .collect();
    for name in &mut known {
        name.insert_str(0, super::environment::PREFIX);
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let help = one_of(full_name, &known);
    ("is not one of Runtrail's".to_owned(), Some(help))
}

fn parsed(text: &str) -> Option<usize> {
    text.parse().ok()
}

fn overflow(text: &str) -> Option<Overflow> {
    match text.split_once(' ') {
        None if text == "drop_newest" => Some(Overflow::DropNewest),
        None if text == "drop_oldest" => Some(Overflow::DropOldest),
        Some(("block", time)) => units::duration(time).map(Overflow::Block),
        _ => None,
    }
}
