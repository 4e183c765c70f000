//! `runtrail replay`: a run as of a moment.

use std::fmt::Write as _;

use runtrail_core::event::TraceEvent;
use runtrail_core::json::RawJson;
use runtrail_core::printable::Printable;
use runtrail_core::time::Timestamp;
use runtrail_replay::{
    Cutoff, Projections, ReplayError, ReplayOptions, Replayed, Status, UsageState, replay,
};

use crate::args::{At, Format, ReplayArgs};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::glyph::Glyphs;
use crate::human::{self, Clock};
use crate::load::{Loaded, Selection, load};
use crate::markdown;
use crate::out::Out;

/// Runs the command.
pub(crate) fn run(args: &ReplayArgs, out: &mut Out) -> Outcome {
    let Some((wanted, sources)) = args.sources_and_run.split_last() else {
        return Err(Failure::usage("name a source and a run"));
    };
    let at = settled(&args.at, args.read.assume_tz)?;
    let mut loaded = load(sources, &args.read, Selection::run(wanted), out)?;
    let replayed = match replay_of(&mut loaded, &at, args) {
        Ok(replayed) => replayed,
        Err(failure) => return loaded.fail(failure, out),
    };
    let format = args.show.format.unwrap_or(Format::Text);
    let glyphs = Glyphs::new(out.terminal.unicode, out.terminal.out_colour);
    let clock = args.show.clock();
    let answer = match format {
        Format::Text => text(&replayed, &at, args, clock, glyphs),
        Format::Markdown => markdown(&replayed, &at, args, clock),
        Format::Json | Format::Jsonl => json(&replayed, &at)? + "\n",
    };
    out.answer(&answer)?;
    Ok(loaded.finish(out))
}

fn replay_of(loaded: &mut Loaded, at: &At, args: &ReplayArgs) -> Result<Replayed, Failure> {
    let wanted = loaded.selection.resolve()?.to_owned();
    let mut events: Vec<TraceEvent> = Vec::new();
    while let Some(batch) = loaded.events.next_batch()? {
        let of_run = batch
            .events()
            .iter()
            .filter(|event| event.request_id == *wanted);
        events.extend(of_run.cloned());
    }
    let cutoff = match at {
        At::Cutoff(cutoff) => cutoff.clone(),
        At::After { millis, .. } => Cutoff::Time(after(&events, *millis)),
        At::WithoutOffset(text) => return Err(without_offset(text)),
    };
    let projections = args
        .projection
        .iter()
        .fold(Projections::default(), |all, name| {
            all.named(name).unwrap_or_default()
        });
    let projections = if args.projection.is_empty() {
        Projections::all()
    } else {
        projections
    };
    let replayed = replay(events, &cutoff, projections, &ReplayOptions::default());
    let mut replayed = replayed.map_err(|error| failure(&error, &wanted))?;
    replayed.limits.extend(loaded.incomplete());
    Ok(replayed)
}

fn failure(error: &ReplayError, run: &str) -> Failure {
    match error {
        ReplayError::NoSuchEvent(_) => Failure::of(Code::No, error).help(format!(
            "`runtrail cat SOURCE --run {run}` lists its events"
        )),
        _ => Failure::of(Code::Io, error),
    }
}

/// The time so many milliseconds after the first event.
fn after(events: &[TraceEvent], millis: f64) -> Timestamp {
    let start = events
        .iter()
        .map(|event| event.timestamp)
        .min()
        .unwrap_or_default();
    // The limit is beyond any time that an event can have.
    let nanos = i128::from(start.nanos()) + (millis * 1e6).min(4e20).round() as i128;
    let micros = i64::try_from(nanos / 1000).unwrap_or(i64::MAX);
    let rest = (nanos % 1000) as u16;
    Timestamp::from_parts(start.micros().saturating_add(micros), rest)
}

/// The moment that is meant, where a time without an offset is one of this zone.
fn settled(at: &At, assume_tz: Option<i32>) -> Result<At, Failure> {
    match (at, assume_tz) {
        (At::WithoutOffset(text), None) => Err(without_offset(text)),
        (At::WithoutOffset(text), Some(_)) => Timestamp::parse_with(text, assume_tz)
            .map(|time| At::Cutoff(Cutoff::Time(time)))
            .map_err(|error| Failure::usage(format!("--at {text}: {error}"))),
        (at, _) => Ok(at.clone()),
    }
}

fn without_offset(text: &str) -> Failure {
    Failure::usage(format!("--at {text} has no UTC offset"))
        .help("add Z for UTC or an offset such as +07:00, or say by --assume-tz which is meant")
}

/// The moment as it was asked for.
fn moment(at: &At) -> String {
    match at {
        At::Cutoff(cutoff) => cutoff.to_string(),
        At::After { text, .. } | At::WithoutOffset(text) => text.clone(),
    }
}

/// What is said of a run, a line each: a name and a text.
fn lines(replayed: &Replayed, clock: Clock, glyphs: Glyphs) -> Vec<(&'static str, String)> {
    let run = &replayed.run;
    let mut lines = Vec::new();
    if let Some(conflict) = run.conflict {
        let refused = conflict.refused.as_str();
        lines.push(("conflict", format!("a later end says {refused}")));
    }
    if let Some(op) = &run.current_op {
        let ctx = op.ctx.path();
        let scope = if ctx.is_empty() {
            String::new()
        } else {
            format!(" in {ctx}")
        };
        let since = run
            .last_at
            .map_or(0.0, |last| last.millis_since(op.started_at));
        lines.push((
            "now",
            format!("{}{scope}, for {}", op.op_name, human::duration(since)),
        ));
    }
    let open = (run.open_ops + run.open_groups > 0).then(|| {
        format!(
            "{}, {}",
            human::counted(run.open_ops, "op"),
            human::counted(run.open_groups, "group")
        )
    });
    lines.extend(open.map(|open| ("open", open)));
    lines.push(("done", done(replayed)));
    lines.push(("spent", spent(&run.usage, glyphs)));
    if let Some(last) = &run.last_event {
        let name = last
            .op_name
            .as_ref()
            .map(|name| format!(" {name}"))
            .unwrap_or_default();
        let time = clock.milli(last.timestamp);
        lines.push((
            "last",
            format!("{}{name}, seq {}, {time}", last.kind, last.seq),
        ));
    }
    if run.anomalies.total() > 0 {
        lines.push((
            "odd",
            human::counted(run.anomalies.total(), "thing") + " in the stream",
        ));
    }
    match replayed.checksum() {
        Ok(checksum) => lines.push(("checksum", checksum.to_string())),
        Err(limited) => lines.push(("checksum", format!("none: {}", limited.reasons.join("; ")))),
    }
    lines
}

fn done(replayed: &Replayed) -> String {
    let run = &replayed.run;
    let mut text = human::counted(run.ops, "op");
    let kinds = [
        (run.errors, "failed"),
        (run.cancelled, "cancelled"),
        (run.truncated_ops, "truncated"),
    ];
    let kinds: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{} {kind}", human::count(*count)))
        .collect();
    if !kinds.is_empty() {
        let _ = write!(text, " ({})", kinds.join(", "));
    }
    let _ = write!(text, ", {}", human::counted(run.groups, "group"));
    text
}

fn spent(usage: &UsageState, glyphs: Glyphs) -> String {
    let tokens = usage
        .total_tokens
        .and_then(|tokens| u64::try_from(tokens).ok());
    let tokens = tokens.map_or_else(|| glyphs.unknown().to_owned(), human::count);
    let cost = usage
        .cost_usd
        .map_or_else(|| glyphs.unknown().to_owned(), human::dollars);
    let calls = human::counted(usage.calls, "call");
    format!("{tokens} tok, {cost}, {calls}")
}

fn head(replayed: &Replayed, at: &At) -> String {
    let run = &replayed.run;
    let status = if run.status == Status::Unknown {
        "not begun"
    } else {
        run.status.as_str()
    };
    format!(
        "{}  {status}  {} in {}  at {}",
        run.request_id,
        human::counted(run.events, "event"),
        human::duration(run.elapsed_ms),
        moment(at)
    )
}

fn text(replayed: &Replayed, at: &At, args: &ReplayArgs, clock: Clock, glyphs: Glyphs) -> String {
    let mut text = format!("{}\n", Printable(&head(replayed, at)));
    for (name, line) in lines(replayed, clock, glyphs) {
        let _ = writeln!(text, "  {name:<9} {}", Printable(&line));
    }
    for (name, view) in shown_views(replayed, args) {
        let _ = writeln!(text, "{name}\n{}", listed(view));
    }
    text
}

fn markdown(replayed: &Replayed, at: &At, args: &ReplayArgs, clock: Clock) -> String {
    let run = &replayed.run;
    let mut text = format!(
        "### {} at {}\n\n| | |\n| --- | --- |\n| status | {} |\n| events | {} |\n",
        markdown::code(&run.request_id),
        markdown::cell(&moment(at)),
        run.status.as_str(),
        run.events
    );
    for (name, line) in lines(replayed, clock, Glyphs::new(true, false)) {
        let _ = writeln!(text, "| {name} | {} |", markdown::cell(&line));
    }
    for (name, view) in shown_views(replayed, args) {
        let _ = writeln!(text, "\n{name}\n\n~~~json\n{}\n~~~", listed(view));
    }
    text
}

/// The projections that people asked for by name; `run` is told in words.
fn shown_views<'r>(
    replayed: &'r Replayed,
    args: &'r ReplayArgs,
) -> impl Iterator<Item = (&'r String, &'r String)> {
    let asked = |name: &String| name != "run" && args.projection.contains(name);
    replayed.views.iter().filter(move |(name, _)| asked(name))
}

fn json(replayed: &Replayed, at: &At) -> Result<String, Failure> {
    let mut object =
        String::from("{\"schema\":\"runtrail.replay\",\"schema_version\":1,\"request_id\":");
    runtrail_core::json::push_string(&mut object, &replayed.run.request_id);
    object.push_str(",\"at\":");
    runtrail_core::json::push_string(&mut object, &moment(at));
    let _ = write!(
        object,
        ",\"status\":\"{}\",\"checksum\":",
        replayed.run.status.as_str()
    );
    match replayed.checksum() {
        Ok(checksum) => runtrail_core::json::push_string(&mut object, &checksum.to_string()),
        Err(_) => object.push_str("null"),
    }
    object.push_str(",\"limits\":");
    object
        .push_str(&serde_json::to_string(&replayed.limits).map_err(|e| Failure::of(Code::Io, &e))?);
    object.push_str(",\"projections\":{");
    for (index, (name, view)) in replayed.views.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(object, "{comma}\"{name}\":{view}");
    }
    object.push_str("}}");
    Ok(object)
}

/// A view with each of its entries on a line.
fn listed(view: &str) -> String {
    let fields = RawJson::parse(view).and_then(RawJson::as_object);
    let Some(fields) = fields else {
        return format!("  {view}");
    };
    let lines =
        fields.map(|(key, value)| format!("  {}: {}", Printable(&key), Printable(value.text())));
    lines.collect::<Vec<_>>().join("\n")
}
