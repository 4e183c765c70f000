//! `runtrail runs`: the runs of an archive.

mod record;
mod shorten;

use std::cmp::Ordering;

use runtrail_core::event::Status;
use runtrail_core::fold::{Detail, Fold, FoldLimits};
use runtrail_core::printable::Printable;
use runtrail_core::span::RunSummary;

use record::RunRecord;
use shorten::short_ids;

use crate::args::{Format, RunOrder, RunsArgs, WantedStatus};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::glyph::{Glyphs, State};
use crate::human::{self, Clock};
use crate::load::{Loaded, Selection, load};
use crate::markdown;
use crate::out::Out;
use crate::table::{Cell, Side, Table};
use crate::usage;

/// Runs the command.
pub(crate) fn run(args: &RunsArgs, out: &mut Out) -> Outcome {
    let mut loaded = load(&args.sources, &args.read, Selection::everything(), out)?;
    let Wanted { runs, found, all } = wanted_runs(&mut loaded, args)?;
    let glyphs = Glyphs::new(out.terminal.unicode, out.terminal.out_colour);
    match args.show.format.unwrap_or(Format::Text) {
        Format::Text if found == 0 && all > 0 => {
            out.note(&format!(
                "none of {} has that status\n",
                human::counted(all, "run")
            ));
        }
        Format::Text if found == 0 => {}
        Format::Text => {
            if !runs.is_empty() {
                out.answer(&table_text(
                    &runs,
                    args.show.clock(),
                    glyphs,
                    out.terminal.columns,
                ))?;
            }
            if (runs.len() as u64) < found && args.limit == Some(runs.len()) {
                let (shown, found) = (
                    human::count(runs.len() as u64),
                    human::counted(found, "run"),
                );
                out.answer(&format!("{shown} of {found}; --limit shows more\n"))?;
            }
        }
        Format::Markdown => {
            out.answer(
                &table(
                    &runs,
                    args.show.clock(),
                    Glyphs::new(true, false),
                    Ids::Code,
                )
                .markdown(),
            )?;
        }
        Format::Json => print_array(&runs, out)?,
        Format::Jsonl => runs
            .iter()
            .try_for_each(|run| out.answer(&(to_json(run)? + "\n")))?,
    }
    Ok(loaded.finish(out))
}

/// Prints the runs of an archive as a table, as `runs` does.
pub(crate) fn print_table(runs: &[RunSummary], clock: Clock, out: &mut Out) -> Result<(), Failure> {
    let glyphs = Glyphs::new(out.terminal.unicode, out.terminal.out_colour);
    out.answer(&table_text(runs, clock, glyphs, out.terminal.columns))
}

/// Returns all runs of an archive, in the order of their starts.
pub(crate) fn all_runs(loaded: &mut Loaded) -> Result<Vec<RunSummary>, Failure> {
    let mut runs = Vec::new();
    each_run(loaded, |run| runs.push(run))?;
    runs.sort_by(|a, b| compare(RunOrder::Started, a, b));
    Ok(runs)
}

/// The runs to show.
struct Wanted {
    runs: Vec<RunSummary>,
    /// How many have the wanted status.
    found: u64,
    /// How many there are.
    all: u64,
}

fn wanted_runs(loaded: &mut Loaded, args: &RunsArgs) -> Result<Wanted, Failure> {
    let wanted = |status: Status| {
        args.status.is_empty()
            || args.status.iter().any(|wanted| match wanted {
                WantedStatus::Ok => status == Status::Ok,
                WantedStatus::Error => status == Status::Error,
                WantedStatus::Cancelled => status == Status::Cancelled,
                WantedStatus::Truncated => status == Status::Truncated,
            })
    };
    let order = |a: &RunSummary, b: &RunSummary| compare(args.sort, a, b);
    let limit = args.limit.unwrap_or(usize::MAX);
    let mut runs = Vec::new();
    let (mut found, mut all) = (0, 0);
    each_run(loaded, |run| {
        all += 1;
        if wanted(run.status) {
            found += 1;
            runs.push(run);
        }
        // With a limit, no more than twice as many are ever held.
        if runs.len() >= limit.saturating_mul(2).max(1024) {
            runs.sort_by(order);
            runs.truncate(limit);
        }
    })?;
    runs.sort_by(order);
    runs.truncate(limit);
    Ok(Wanted { runs, found, all })
}

fn each_run(loaded: &mut Loaded, mut take: impl FnMut(RunSummary)) -> Result<(), Failure> {
    let limits = FoldLimits {
        detail: Detail::Summary,
        ..FoldLimits::default()
    };
    let mut fold = Fold::new("", limits);
    let mut spans = Vec::new();
    while let Some(batch) = loaded.events.next_batch()? {
        for (events, ended) in batch.stretches() {
            for event in events {
                fold.push(event, &mut spans);
            }
            if let Some(run) = ended.and_then(|run| fold.finish_run(run, &mut spans)) {
                take(run);
            }
        }
    }
    Ok(())
}

/// The earliest start first; of anything else the most.
fn compare(order: RunOrder, a: &RunSummary, b: &RunSummary) -> Ordering {
    let cost = |run: &RunSummary| run.usage.cost_usd.unwrap_or(-1.0);
    let by = match order {
        RunOrder::Started => Ordering::Equal,
        RunOrder::Took => b.duration_ms().total_cmp(&a.duration_ms()),
        RunOrder::Cost => cost(b).total_cmp(&cost(a)),
        RunOrder::Tokens => usage::tokens(&b.usage).cmp(&usage::tokens(&a.usage)),
        RunOrder::Errors => b.errors.cmp(&a.errors),
        RunOrder::Ops => b.ops.cmp(&a.ops),
    };
    by.then_with(|| a.started_at.cmp(&b.started_at))
        .then_with(|| a.request_id.cmp(&b.request_id))
}

/// How run ids are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ids {
    Whole,
    Short,
    Code,
}

fn table_text(runs: &[RunSummary], clock: Clock, glyphs: Glyphs, columns: Option<usize>) -> String {
    let whole = table(runs, clock, glyphs, Ids::Whole);
    if columns.is_some_and(|columns| whole.width() > columns) {
        return table(runs, clock, glyphs, Ids::Short).render();
    }
    whole.render()
}

fn table(runs: &[RunSummary], clock: Clock, glyphs: Glyphs, ids: Ids) -> Table {
    let started = if clock == Clock::Utc {
        "STARTED (UTC)"
    } else {
        "STARTED"
    };
    let mut columns = vec![
        ("RUN", Side::Left),
        (started, Side::Left),
        ("TOOK", Side::Right),
        ("STATUS", Side::Left),
        ("OPS", Side::Right),
    ];
    // Archives without a single LLM call are spared two empty columns.
    let calls = runs.iter().any(|run| run.usage.calls > 0);
    if calls {
        columns.extend([
            ("TOKENS", Side::Right),
            ("COST", Side::Right),
            ("", Side::Left),
        ]);
    }
    let names = match ids {
        Ids::Short => short_ids(runs),
        Ids::Whole => runs
            .iter()
            .map(|run| Printable(&run.request_id).to_string())
            .collect(),
        Ids::Code => runs
            .iter()
            .map(|run| markdown::cell(&run.request_id))
            .collect(),
    };
    let mut table = Table::new(&columns);
    for (run, name) in runs.iter().zip(names) {
        let state = State::from(run.status);
        let status = format!("{} {}", glyphs.shape(state), state.name());
        let mut row: Vec<Cell> = vec![
            name.into(),
            clock.minute(run.started_at).into(),
            human::duration(run.duration_ms()).into(),
            Cell::painted(status.clone(), glyphs.paint(state, &status)),
            human::count(run.ops).into(),
        ];
        if calls {
            row.push(usage::show_tokens(&run.usage, glyphs).into());
            row.push(usage::show_cost(&run.usage, glyphs).into());
            let note = usage::missing_cost(&run.usage).unwrap_or_default();
            row.push(Cell::painted(note.clone(), glyphs.dim(&note)));
        }
        table.push(row);
    }
    table
}

fn print_array(runs: &[RunSummary], out: &mut Out) -> Result<(), Failure> {
    let mut before = "[";
    for run in runs {
        out.answer(&format!("{before}\n  {}", to_json(run)?))?;
        before = ",";
    }
    out.answer(if runs.is_empty() { "[]\n" } else { "\n]\n" })
}

fn to_json(run: &RunSummary) -> Result<String, Failure> {
    serde_json::to_string(&RunRecord::of(run)).map_err(|error| Failure::of(Code::Io, &error))
}
