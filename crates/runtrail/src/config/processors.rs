//! Processors by name.

mod settings;

use runtrail_core::process::{
    Aggregate, Dedup, DropEmpty, DropKinds, DropOps, Enrich, GroupBy, KeepOps, Processor, Redact,
    Sample, SettingsError, Truncate,
};

use super::problem::one_of;
use super::section::{Document, Section};

/// The processors that a configuration can name.
pub const PROCESSOR_NAMES: [&str; 11] = [
    Redact::NAME,
    DropOps::NAME,
    KeepOps::NAME,
    DropKinds::NAME,
    DropEmpty::NAME,
    Truncate::NAME,
    Sample::NAME,
    GroupBy::NAME,
    Aggregate::NAME,
    Enrich::NAME,
    Dedup::NAME,
];

type Made = Result<Box<dyn Processor>, SettingsError>;

/// Reads one table of `[[processors]]`; `rate` goes before a sample's own.
pub(super) fn read(
    mut section: Section<'_, '_>,
    rate: Option<f64>,
    to: &mut Document<'_>,
) -> Option<Box<dyn Processor>> {
    let before = to.problems.len();
    let Some(name) = section.string("name", to) else {
        if to.problems.len() == before {
            to.problem(&section.span(), "a processor needs a `name`", None);
        }
        return None;
    };
    let made = made(name.value, &mut section, rate, to);
    let Some(made) = made else {
        if !PROCESSOR_NAMES.contains(&name.value) {
            let message = format!("unknown processor `{}`", name.value);
            let help = one_of(name.value, &PROCESSOR_NAMES);
            to.problem(&name.span, message, Some(help));
            return None;
        }
        section.finish(to);
        return None;
    };
    // A setting that could not be read is a problem already, and may have led to this one.
    if let Err(error) = &made
        && to.problems.len() == before
    {
        let place = section.span_of(error.setting());
        to.problem(&place, error.to_string(), None);
    }
    section.finish(to);
    made.ok()
}

/// `None` where there is no such processor, or where what is wrong was noted.
fn made(
    name: &str,
    section: &mut Section<'_, '_>,
    rate: Option<f64>,
    to: &mut Document<'_>,
) -> Option<Made> {
    Some(match name {
        Redact::NAME => boxed(Redact::new(&settings::redact(section, to))),
        DropOps::NAME => boxed(DropOps::new(&settings::ops(section, to))),
        KeepOps::NAME => boxed(KeepOps::new(&settings::ops(section, to))),
        DropKinds::NAME => boxed(DropKinds::new(&settings::kinds(section, to))),
        DropEmpty::NAME => boxed(DropEmpty::new(settings::drop_empty(section, to))),
        Truncate::NAME => boxed(Truncate::new(settings::truncate(section, to))),
        Sample::NAME => boxed(Sample::new(&settings::sample(section, rate, to))),
        GroupBy::NAME => boxed(GroupBy::new(settings::group_by(section, to)?)),
        Aggregate::NAME => boxed(Aggregate::new(&settings::aggregate(section, to)?)),
        Enrich::NAME => boxed(Enrich::new(&settings::enrich(section, to))),
        Dedup::NAME => boxed(Dedup::new(settings::dedup(section, to))),
        _ => return None,
    })
}

fn boxed<P: Processor>(made: Result<P, SettingsError>) -> Made {
    made.map(|processor| Box::new(processor) as Box<dyn Processor>)
}
