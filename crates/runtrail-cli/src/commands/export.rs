//! `runtrail export`: archives to a lake, to trees, or to JSON Lines.

use crate::args::ExportArgs;
use crate::export::export;
use crate::failure::Outcome;
use crate::out::Out;

/// Runs the command.
pub(crate) fn run(args: &ExportArgs, out: &mut Out) -> Outcome {
    let summary = export(args, out)?;
    summary.finish(args.format, args.tables, out)
}
