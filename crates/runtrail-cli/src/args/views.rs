//! Arguments of the commands that show runs.

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::{ReadArgs, ShowArgs, after_help};
use crate::size::parse_duration;

const RUNS_EXAMPLES: &str = "  runtrail runs nightly/
  runtrail runs nightly/ --status error --sort took --limit 10
  runtrail runs nightly/ --format jsonl | jq -c 'select(.llm_cost_usd > 1)'";

/// Arguments of `runs`.
#[derive(Debug, Args)]
#[command(after_help = after_help(RUNS_EXAMPLES))]
pub(crate) struct RunsArgs {
    /// The archive: files, folders, globs, or - for standard input
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,
    /// What comes first: the earliest start, or the most of anything else
    #[arg(
        long,
        value_enum,
        value_name = "BY",
        default_value = "started",
        env = "RUNTRAIL_RUNS_SORT"
    )]
    pub(crate) sort: RunOrder,
    /// Only runs that ended so; may be given more than once
    #[arg(
        long,
        value_enum,
        value_name = "STATUS",
        value_delimiter = ',',
        env = "RUNTRAIL_STATUS"
    )]
    pub(crate) status: Vec<WantedStatus>,
    /// At most so many
    #[arg(long, value_name = "N", env = "RUNTRAIL_RUNS_LIMIT")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// What the runs are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunOrder {
    /// When they began, earliest first
    Started,
    /// How long they took
    Took,
    /// What they cost
    Cost,
    /// How many tokens they used
    Tokens,
    /// How many of their ops failed
    Errors,
    /// How many ops they have
    Ops,
}

/// A run's status, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WantedStatus {
    /// Everything went well
    Ok,
    /// An op failed
    Error,
    /// An op was cancelled, none failed
    Cancelled,
    /// Something was left open
    Truncated,
}

const TREE_EXAMPLES: &str =
    "  runtrail tree nightly/ 7f3a                       RUN is the start of its id, or of a part of it
  runtrail tree nightly/ 7f3a --errors              only what failed, and what it ran in
  runtrail tree nightly/ 7f3a --min 1s --sort duration
  runtrail tree nightly/ 7f3a --show inputs,outputs
  runtrail tree nightly/ 7f3a --format markdown --max-tokens 4000 | pbcopy";

/// Arguments of `tree`.
#[derive(Debug, Args)]
#[command(override_usage = "runtrail tree [OPTIONS] <SOURCE>... [RUN]", after_help = after_help(TREE_EXAMPLES))]
pub(crate) struct TreeArgs {
    /// The archive, and last the run: the start of its id. With one argument that is the archive,
    /// which must then hold one run
    #[arg(value_name = "SOURCE|RUN", required = true)]
    pub(crate) sources_and_run: Vec<String>,
    /// Only so many levels
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "RUNTRAIL_DEPTH")]
    pub(crate) depth: Option<u32>,
    /// Only what did not end well, and what it ran in
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_ERRORS")]
    pub(crate) errors: bool,
    /// Leave out what ended well in less time than this
    #[arg(long, value_name = "TIME", value_parser = parse_duration, env = "RUNTRAIL_MIN")]
    pub(crate) min: Option<f64>,
    /// What comes first among siblings: the earliest start, or the most of anything else
    #[arg(
        long,
        value_enum,
        value_name = "BY",
        default_value = "start",
        env = "RUNTRAIL_TREE_SORT"
    )]
    pub(crate) sort: TreeOrder,
    /// What to show of each op
    #[arg(
        long = "show",
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        default_value = "tokens,model",
        env = "RUNTRAIL_SHOW"
    )]
    pub(crate) show_what: Vec<Show>,
    /// Show every one of many equal siblings
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_EXPAND")]
    pub(crate) expand: bool,
    /// With --format markdown: about how many tokens the text may have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..), env = "RUNTRAIL_MAX_TOKENS")]
    pub(crate) max_tokens: Option<u32>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

impl TreeArgs {
    /// What the command line says where it says nothing.
    pub(crate) fn plain(utc: bool) -> Self {
        Self {
            sources_and_run: Vec::new(),
            depth: None,
            errors: false,
            min: None,
            sort: TreeOrder::Start,
            show_what: vec![Show::Tokens, Show::Model],
            expand: false,
            max_tokens: None,
            show: ShowArgs { format: None, utc },
            read: ReadArgs::default(),
        }
    }
}

/// What siblings are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TreeOrder {
    /// When they began, earliest first
    Start,
    /// How long they took
    Duration,
    /// What they cost
    Cost,
}

/// What is shown of an op beside its name, state and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    /// What it was given
    Inputs,
    /// What it gave back
    Outputs,
    /// Tokens and cost
    Tokens,
    /// The models called
    Model,
}

const CAT_EXAMPLES: &str = "  runtrail cat nightly/ --run 7f3a
  runtrail cat nightly/ --kind llm_usage --format jsonl | jq .payload
  runtrail cat nightly/ --format text --limit 50";

/// Arguments of `cat`.
#[derive(Debug, Args)]
#[command(after_help = after_help(CAT_EXAMPLES))]
pub(crate) struct CatArgs {
    /// The archive: files, folders, globs, or - for standard input
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,
    /// Only this run: the start of its id
    #[arg(long, value_name = "RUN", env = "RUNTRAIL_RUN")]
    pub(crate) run: Option<String>,
    /// Only events of this kind; may be given more than once
    #[arg(
        long,
        value_name = "KIND",
        value_delimiter = ',',
        env = "RUNTRAIL_KIND"
    )]
    pub(crate) kind: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "N", env = "RUNTRAIL_CAT_LIMIT")]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}
