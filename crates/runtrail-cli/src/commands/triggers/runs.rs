//! `runtrail triggers STORE runs`.

use runtrail_core::text::Text;
use runtrail_trigger::{
    Outcome as RunOutcome, RunState, TriggerRunQuery, TriggerRunRecord, TriggerStore,
};

use super::{Look, print_page, source};
use crate::args::TriggerRunsArgs;
use crate::failure::Outcome;
use crate::glyph::Glyphs;
use crate::human::Clock;
use crate::out::Out;
use crate::table::{Side, Table};

pub(super) fn run(store: &dyn TriggerStore, args: &TriggerRunsArgs, out: &mut Out) -> Outcome {
    let text = |wanted: &Option<String>| wanted.as_deref().map(Text::from);
    let page = store.find_runs(&TriggerRunQuery {
        event_id: text(&args.event),
        request_id: text(&args.started),
        source_request_id: text(&args.source),
        condition_id: text(&args.condition),
        trigger_id: text(&args.trigger),
        pending: args.pending.then_some(true),
        range: args.page.range(),
        after: args.page.after.clone(),
        limit: args.page.limit,
    })?;
    let table = |_: Glyphs, look: Look| table(&page.items, args.show.clock(), look);
    print_page(&page, args.show.format, "trigger run", table, out)
}

fn table(runs: &[TriggerRunRecord], clock: Clock, look: Look) -> Table {
    let planned = if clock == Clock::Utc {
        "PLANNED (UTC)"
    } else {
        "PLANNED"
    };
    let mut table = Table::new(&[
        (planned, Side::Left),
        ("TRIGGER", Side::Left),
        ("STATE", Side::Left),
        ("BECAUSE OF", Side::Left),
        ("ID", Side::Left),
    ]);
    for run in runs {
        table.push(vec![
            clock.milli(run.planned_at).into(),
            look.foreign(&run.trigger_id).into(),
            state(&run.state, |text| look.foreign(text)).into(),
            because(run, look).into(),
            look.foreign(&run.trigger_run_id).into(),
        ]);
    }
    table
}

/// Says what came of a trigger run.
pub(super) fn state(state: &RunState, foreign: impl Fn(&str) -> String) -> String {
    match state {
        RunState::Pending => "pending".to_owned(),
        RunState::Completed(RunOutcome::Started { request_id, .. }) => {
            format!("started {}", foreign(request_id))
        }
        RunState::Completed(RunOutcome::Abandoned { reason, .. }) if reason.is_empty() => {
            "abandoned".to_owned()
        }
        RunState::Completed(RunOutcome::Abandoned { reason, .. }) => {
            format!("abandoned: {}", foreign(reason))
        }
    }
}

/// The sources of a run, in a few words.
fn because(run: &TriggerRunRecord, look: Look) -> String {
    let participants = run.participants.iter();
    let sources = participants.map(|one| source::source(&one.source, |text| look.foreign(text)));
    let mut sources: Vec<String> = sources.collect();
    sources.dedup();
    match sources.len() {
        0..3 => sources.join(" and "),
        many => format!("{} and {} more", sources[0], many - 1),
    }
}
