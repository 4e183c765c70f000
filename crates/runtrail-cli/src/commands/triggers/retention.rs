//! `runtrail triggers STORE retention`.

use std::time::SystemTime;

use runtrail_core::time::Timestamp;
use runtrail_trigger::{Purged, Retention, TriggerStore};

use super::print_json;
use crate::args::{Format, RetentionArgs};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::human;
use crate::out::Out;

pub(super) fn run(store: &dyn TriggerStore, args: &RetentionArgs, out: &mut Out) -> Outcome {
    let retention = Retention {
        before: args
            .before
            .or_else(|| args.older_than.map(|age| now().minus_millis(age))),
        max_events: args.max_events,
        max_runs: args.max_runs,
    };
    if retention == Retention::default() {
        return Err(Failure::usage("nothing says what is to be removed")
            .help("give --older-than, --before, --max-events or --max-runs"));
    }
    let purged = if args.apply {
        store.purge(&retention)?
    } else {
        store.plan_purge(&retention)?
    };
    match args.show.format.unwrap_or(Format::Text) {
        Format::Text => out.answer(&text(&purged, args.apply))?,
        Format::Markdown => out.answer(&format!("- {}", text(&purged, args.apply)))?,
        Format::Json | Format::Jsonl => print_json(&json(&purged, args.apply), out)?,
    }
    if !args.apply && purged.events + purged.runs + purged.links > 0 {
        out.note("nothing was removed; --apply removes it\n");
    }
    Ok(Code::Done)
}

fn text(purged: &Purged, applied: bool) -> String {
    let removed = if applied { "removed" } else { "would remove" };
    let spared = match purged.spared {
        0 => String::new(),
        spared => format!(
            "; {} kept for pending trigger runs",
            human::counted(spared, "event")
        ),
    };
    format!(
        "{removed} {}, {}, {}{spared}\n",
        human::counted(purged.events, "event"),
        human::counted(purged.runs, "trigger run"),
        human::counted(purged.links, "link")
    )
}

fn json(purged: &Purged, applied: bool) -> String {
    let Purged {
        events,
        runs,
        links,
        spared,
    } = purged;
    format!(
        r#"{{"applied":{applied},"events":{events},"runs":{runs},"links":{links},"spared":{spared}}}"#
    )
}

/// An age is counted from the present, which only whoever asks can know.
#[expect(
    clippy::disallowed_methods,
    reason = "what is old depends on the present; --before does not"
)]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}
