//! `runtrail export`: archives to a lake, to trees, to JSON Lines, or as spans.

use crate::args::ExportArgs;
use crate::export::{export, relay};
use crate::failure::Outcome;
use crate::out::Out;

/// Runs the command.
pub(crate) fn run(args: &ExportArgs, out: &mut Out) -> Outcome {
    if let Some(outcome) = relay(args, out) {
        return outcome;
    }
    let summary = export(args, out)?;
    summary.finish(args.format, args.tables, out)
}
