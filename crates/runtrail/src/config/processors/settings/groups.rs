//! The settings of what groups and sums up.

use runtrail_core::process::{
    AggregateSettings, Boundary, EventMatch, GroupBySettings, Reducer, Stat, ValuePath,
};

use super::{Document, Section, hold, limits, near_kind, one_of, open_limits};

/// `None` where there is not exactly one boundary; that is noted.
pub(in crate::config::processors) fn group_by(
    section: &mut Section<'_, '_>,
    to: &mut Document<'_>,
) -> Option<GroupBySettings> {
    let before = to.problems.len();
    let group = section.string("group", to);
    let limits = open_limits(section, to);
    let of = section.table("of", to);
    let of = of.map(|of| event_match(of, to));
    let mut boundaries: Vec<Boundary> = Vec::new();
    let starts_at = section.table("starts_at", to);
    boundaries.extend(starts_at.map(|at| Boundary::StartsAt(event_match(at, to))));
    let ends_at = section.table("ends_at", to);
    boundaries.extend(ends_at.map(|at| Boundary::EndsAt(event_match(at, to))));
    if let Some(key) = section.string("key_change", to) {
        match ValuePath::new(key.value) {
            Ok(path) => boundaries.push(Boundary::KeyChange(path)),
            Err(error) => to.problem(&key.span, format!("`key_change` {}", error.reason()), None),
        }
    }
    let every = section.number("every", to);
    let has_of = of.is_some();
    boundaries.extend(every.map(|count| Boundary::Every(count, of.unwrap_or_default())));
    let max_duration = section.duration("max_duration", to);
    boundaries.extend(max_duration.map(Boundary::MaxDuration));
    if has_of && every.is_none() {
        let message = "`of` says what `every` counts, and there is no `every`";
        to.problem(&section.span_of("of"), message, None);
    }
    if boundaries.len() != 1 && to.problems.len() == before {
        let message =
            "a group_by needs one of `starts_at`, `ends_at`, `key_change`, `every`, `max_duration`";
        to.problem(&section.span(), message, None);
    }
    let mut settings = GroupBySettings::new(boundaries.pop()?);
    settings.limits = limits;
    if let Some(group) = group {
        group.value.clone_into(&mut settings.group);
    }
    (to.problems.len() == before).then_some(settings)
}

fn event_match(mut section: Section<'_, '_>, to: &mut Document<'_>) -> EventMatch {
    let kind = section.string("kind", to);
    let mut what = match &kind {
        Some(kind) => {
            near_kind(kind.value, &section, "kind", to);
            EventMatch::kind(kind.value)
        }
        None => EventMatch::any(),
    };
    if let Some(op) = section.string("op", to) {
        what = what.op(op.value);
    }
    section.finish(to);
    what
}

/// `None` where the op is missing; that is noted.
pub(in crate::config::processors) fn aggregate(
    section: &mut Section<'_, '_>,
    to: &mut Document<'_>,
) -> Option<AggregateSettings> {
    let before = to.problems.len();
    let op = section.string("op", to);
    let mut settings = AggregateSettings::of(op.as_ref().map_or("", |op| op.value));
    settings.hold = hold(section, settings.hold, to);
    settings.limits = limits(section, to);
    let reducers = section.tables("reducers", to);
    if !reducers.is_empty() {
        let reducers = reducers.into_iter();
        settings.reducers = reducers.filter_map(|one| reducer(one, to)).collect();
    }
    if op.is_none() && to.problems.len() == before {
        to.problem(&section.span(), "an aggregate needs an `op`", None);
    }
    (to.problems.len() == before).then_some(settings)
}

fn reducer(mut section: Section<'_, '_>, to: &mut Document<'_>) -> Option<Reducer> {
    let before = to.problems.len();
    let stat = section.string("stat", to);
    let field = section.string("field", to);
    let name = section.string("as", to);
    let known = Stat::ALL.map(Stat::as_str);
    let found = stat.as_ref().and_then(|stat| {
        let found = Stat::ALL.into_iter().find(|s| s.as_str() == stat.value);
        if found.is_none() {
            let message = format!("unknown figure `{}`", stat.value);
            to.problem(&stat.span, message, Some(one_of(stat.value, &known)));
        }
        found
    });
    if to.problems.len() == before {
        if stat.is_none() {
            to.problem(&section.span(), "a reducer needs a `stat`", None);
        } else if field.is_none() && found != Some(Stat::Count) {
            to.problem(&section.span(), "this reducer needs a `field`", None);
        }
    }
    section.finish(to);
    let found = found?;
    let field = field.map(|field| field.value);
    let default = match field {
        Some(field) => format!("{}_{field}", found.as_str()),
        None => found.as_str().to_owned(),
    };
    let name = name.map_or(default, |name| name.value.to_owned());
    match field {
        Some(field) => Some(Reducer::new(found, field, name)),
        None => Some(Reducer::count(name)),
    }
}
