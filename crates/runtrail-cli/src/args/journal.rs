//! Arguments of `journal`.

use std::path::PathBuf;

use clap::Args;

use super::{ShowArgs, after_help};

const EXAMPLES: &str = "  runtrail journal lake                        the exports of a lake
  runtrail journal lake last                   what the last one planned, did and came to
  runtrail journal lake 5b1f                   one of them, by the start of its name or its id
  runtrail journal lake 5b1f --format jsonl    its entries, a line each";

/// Arguments of `journal`.
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub(crate) struct JournalArgs {
    /// The lake, a folder of journals, or a journal
    #[arg(value_name = "LAKE")]
    pub(crate) lake: PathBuf,
    /// The export: the start of its id or of its journal's name, or `last`; all by default
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}
