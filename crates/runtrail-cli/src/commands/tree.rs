//! `runtrail tree`: one run as a tree.

mod fan;
mod origin;
mod outline;
mod report;
mod rows;
mod text;

use std::collections::BTreeSet;

use runtrail_core::fold::Fold;
use runtrail_json::{RunTree, TreeStyle, write_tree};

use outline::{Filter, Outline};

use crate::args::{Format, TreeArgs};
use crate::failure::{Failure, Outcome};
use crate::load::{Loaded, Selection, ambiguous, load};
use crate::out::{Out, stdout_failed};

/// Runs the command.
pub(crate) fn run(args: &TreeArgs, out: &mut Out) -> Outcome {
    let (sources, wanted) = split(&args.sources_and_run);
    let selection = wanted.map_or_else(Selection::everything, Selection::run);
    let mut loaded = load(sources, &args.read, selection, out)?;
    let tree = match wanted {
        Some(_) => loaded
            .selection
            .resolve()
            .map(str::to_owned)
            .and_then(|run| tree_of(&mut loaded, &run)),
        None => only_tree(&mut loaded),
    };
    let tree = match tree {
        Ok(Some(tree)) => tree,
        Ok(None) => return Ok(loaded.finish(out)),
        Err(failure) => return loaded.fail(failure, out),
    };
    match args.show.format.unwrap_or(Format::Text) {
        Format::Text => {
            let outline = Outline::new(&tree, Filter::of(args), args.sort);
            text::print(&outline, args, out)?;
        }
        Format::Markdown => out.answer(&report::render(&tree, args))?,
        format @ (Format::Json | Format::Jsonl) => {
            if args.depth.is_some() || args.errors || args.min.is_some() {
                out.warn(
                    "--depth, --errors and --min choose what people see; JSON is the whole tree\n",
                );
            }
            let style = if format == Format::Json {
                TreeStyle::Pretty
            } else {
                TreeStyle::OneLine
            };
            write_tree(&tree, out, style).map_err(|error| stdout_failed(&error))?;
            out.answer("\n")?;
        }
    }
    Ok(loaded.finish(out))
}

/// Prints the tree of a run, as `tree` does with nothing else asked for.
pub(crate) fn print(
    loaded: &mut Loaded,
    run: &str,
    args: &TreeArgs,
    out: &mut Out,
) -> Result<(), Failure> {
    if let Some(tree) = tree_of(loaded, run)? {
        text::print(&Outline::new(&tree, Filter::of(args), args.sort), args, out)?;
    }
    Ok(())
}

/// The sources, and the run where there is more than one argument.
fn split(arguments: &[String]) -> (&[String], Option<&str>) {
    match arguments.split_last() {
        Some((run, sources)) if !sources.is_empty() => (sources, Some(run)),
        _ => (arguments, None),
    }
}

/// Folds one of the runs that were read.
fn tree_of(loaded: &mut Loaded, wanted: &str) -> Result<Option<RunTree>, Failure> {
    let mut fold = Fold::default();
    let mut spans = Vec::new();
    while let Some(batch) = loaded.events.next_batch()? {
        for (events, ended) in batch.stretches() {
            for event in events.iter().filter(|event| event.request_id == *wanted) {
                fold.push(event, &mut spans);
            }
            if ended.is_some_and(|run| *run == *wanted) {
                return Ok(fold
                    .finish_run(wanted, &mut spans)
                    .map(|summary| RunTree::build(summary, spans)));
            }
        }
    }
    Ok(None)
}

/// Folds the run of an archive that holds only one.
fn only_tree(loaded: &mut Loaded) -> Result<Option<RunTree>, Failure> {
    let mut fold = Fold::default();
    let (mut spans, mut tree) = (Vec::new(), None);
    let mut runs = BTreeSet::new();
    while let Some(batch) = loaded.events.next_batch()? {
        for (events, ended) in batch.stretches() {
            for event in events.iter().take_while(|_| tree.is_none()) {
                fold.push(event, &mut spans);
            }
            let Some(run) = ended else { continue };
            runs.insert(run.to_string());
            if tree.is_none() {
                let spans = std::mem::take(&mut spans);
                tree = finish(&mut fold, run, spans);
            }
        }
    }
    if runs.len() > 1 {
        let failure = ambiguous("the archive holds more than one run", &runs);
        return Err(failure.help("name the run after the archive: runtrail tree SOURCE RUN"));
    }
    Ok(tree)
}

fn finish(
    fold: &mut Fold,
    run: &str,
    mut spans: Vec<runtrail_core::span::SpanRecord>,
) -> Option<RunTree> {
    let summary = fold.finish_run(run, &mut spans)?;
    Some(RunTree::build(summary, spans))
}
