//! The settings of each processor, with the defaults of the code.

mod groups;

pub(super) use groups::{aggregate, group_by};

use runtrail_core::event::EventKind;
use runtrail_core::process::{
    DedupSettings, DropEmptySettings, DropKindsSettings, EnrichSettings, HoldLimits,
    OpFilterSettings, RedactSettings, SampleSettings, StateLimits, TruncateSettings, WhenFull,
};

use super::{Document, Section, one_of};

pub(super) fn redact(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> RedactSettings {
    let default = RedactSettings::default();
    let list = |section: &mut Section<'_, '_>, key, also, default: Vec<String>, to: &mut _| {
        let mut list = section.strings(key, to).map_or(default, |at| at.value);
        list.extend(
            section
                .strings(also, to)
                .into_iter()
                .flat_map(|at| at.value),
        );
        list
    };
    RedactSettings {
        keys: list(section, "keys", "more_keys", default.keys, to),
        patterns: list(section, "patterns", "more_patterns", default.patterns, to),
        mask: section
            .string("mask", to)
            .map_or(default.mask, |at| at.value.to_owned()),
    }
}

pub(super) fn ops(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> OpFilterSettings {
    OpFilterSettings {
        ops: section
            .strings("ops", to)
            .map_or_else(Vec::new, |at| at.value),
        limits: filter_limits(section, to),
    }
}

pub(super) fn kinds(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> DropKindsSettings {
    let kinds = section.strings("kinds", to);
    for kind in kinds.iter().flat_map(|at| &at.value) {
        near_kind(kind, section, "kinds", to);
    }
    DropKindsSettings {
        kinds: kinds.map_or_else(Vec::new, |at| at.value),
        limits: filter_limits(section, to),
    }
}

/// Notes a kind that is not known but nearly so; any other may be one of the engine's own.
fn near_kind(kind: &str, section: &Section<'_, '_>, key: &str, to: &mut Document<'_>) {
    if EventKind::known(kind).is_some() {
        return;
    }
    let known: Vec<&str> = EventKind::KNOWN.iter().map(EventKind::as_str).collect();
    let help = crate::config::problem::did_you_mean(kind, known);
    if help.is_some() {
        let place = section.span_of(key);
        to.problem(&place, format!("unknown kind `{kind}`"), help);
    }
}

pub(super) fn drop_empty(
    section: &mut Section<'_, '_>,
    to: &mut Document<'_>,
) -> DropEmptySettings {
    let default = DropEmptySettings::default();
    DropEmptySettings {
        hold: hold(section, default.hold, to),
        limits: limits(section, to),
    }
}

pub(super) fn truncate(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> TruncateSettings {
    let default = TruncateSettings::default();
    TruncateSettings {
        max_payload_bytes: section
            .bytes("max_payload_bytes", to)
            .unwrap_or(default.max_payload_bytes),
    }
}

pub(super) fn sample(
    section: &mut Section<'_, '_>,
    rate: Option<f64>,
    to: &mut Document<'_>,
) -> SampleSettings {
    let default = SampleSettings::default();
    let own = section.float("rate", to);
    let when_full = section.string("when_full", to);
    let when_full = match when_full.as_ref().map(|at| at.value) {
        None => default.when_full,
        Some("keep") => WhenFull::Keep,
        Some("discard") => WhenFull::Discard,
        Some(other) => {
            let help = Some(one_of(other, &["keep", "discard"]));
            let place = section.span_of("when_full");
            to.problem(&place, format!("unknown choice `{other}`"), help);
            default.when_full
        }
    };
    SampleSettings {
        rate: rate.or(own).unwrap_or(default.rate),
        parent_separator: section
            .string("parent_separator", to)
            .map(|at| at.value.to_owned()),
        hold: hold(section, default.hold, to),
        when_full,
        max_runs: section.number("max_runs", to).unwrap_or(default.max_runs),
    }
}

pub(super) fn enrich(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> EnrichSettings {
    let kinds = section.strings("kinds", to);
    for kind in kinds.iter().flat_map(|at| &at.value) {
        near_kind(kind, section, "kinds", to);
    }
    EnrichSettings {
        fields: section.json_fields("fields", to).unwrap_or_default(),
        kinds: kinds.map_or_else(Vec::new, |at| at.value),
        ops: section
            .strings("ops", to)
            .map_or_else(Vec::new, |at| at.value),
    }
}

pub(super) fn dedup(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> DedupSettings {
    let default = DedupSettings::default();
    DedupSettings {
        max_per_run: section
            .number("max_per_run", to)
            .unwrap_or(default.max_per_run),
        max_events: section
            .number("max_events", to)
            .unwrap_or(default.max_events),
        max_runs: section.number("max_runs", to).unwrap_or(default.max_runs),
    }
}

/// The limits of what decides by an event alone whether it goes.
fn filter_limits(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> StateLimits {
    let default = StateLimits::default();
    let why = "does nothing here: a filter remembers only what it left out, up to `max_left_out`";
    section.refuse("max_open", why, to);
    StateLimits {
        max_runs: section.number("max_runs", to).unwrap_or(default.max_runs),
        max_left_out: section
            .number("max_left_out", to)
            .unwrap_or(default.max_left_out),
        ..default
    }
}

/// The limits of what leaves out nothing.
fn open_limits(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> StateLimits {
    let default = StateLimits::default();
    let why = "does nothing here: a group_by leaves out nothing";
    section.refuse("max_left_out", why, to);
    StateLimits {
        max_runs: section.number("max_runs", to).unwrap_or(default.max_runs),
        max_open: section.number("max_open", to).unwrap_or(default.max_open),
        ..default
    }
}

fn limits(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> StateLimits {
    let default = StateLimits::default();
    StateLimits {
        max_runs: section.number("max_runs", to).unwrap_or(default.max_runs),
        max_open: section.number("max_open", to).unwrap_or(default.max_open),
        max_left_out: section
            .number("max_left_out", to)
            .unwrap_or(default.max_left_out),
    }
}

fn hold(section: &mut Section<'_, '_>, default: HoldLimits, to: &mut Document<'_>) -> HoldLimits {
    HoldLimits {
        max_events: section
            .number("max_events", to)
            .unwrap_or(default.max_events),
        max_bytes: section.bytes("max_bytes", to).unwrap_or(default.max_bytes),
    }
}
