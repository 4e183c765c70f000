//! Arguments of `triggers`.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};
use runtrail_core::time::Timestamp;
use runtrail_trigger::{Cursor, Limit, MarkerState};

use super::{ShowArgs, after_help};
use crate::size::{parse_age, parse_limit, parse_time};

const EXAMPLES: &str = "  runtrail triggers triggers.db events --state triggered
  runtrail triggers triggers.db events --code order.created --limit 20
  runtrail triggers triggers.db runs --pending
  runtrail triggers triggers.db show order-1
  runtrail triggers triggers.db chain mail-1
  runtrail triggers triggers.db retention --older-than 30d";

/// Arguments of `triggers`.
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub(crate) struct TriggersArgs {
    /// The store: the SQLite file that an engine records to
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,
    #[command(subcommand)]
    pub(crate) question: Question,
}

/// What is asked of a store.
#[derive(Debug, Subcommand)]
pub(crate) enum Question {
    /// List events: the timeline oldest first, or with --code, --emitter or --payloads newest first
    Events(EventsArgs),
    /// List trigger runs, newest first
    Runs(TriggerRunsArgs),
    /// Show one event or trigger run with all that is known of it
    Show(ShowRecordArgs),
    /// Follow what led to a run and what it led to
    Chain(ChainArgs),
    /// Say what retention would remove; with --apply, remove it
    Retention(RetentionArgs),
}

/// When, and how many at a time.
#[derive(Debug, Clone, Args)]
pub(crate) struct PageArgs {
    /// Only from this time on; a time without an offset is UTC
    #[arg(long, value_name = "TIME", value_parser = parse_time, env = "RUNTRAIL_TRIGGERS_SINCE")]
    pub(crate) since: Option<Timestamp>,
    /// Only up to this time, itself included
    #[arg(long, value_name = "TIME", value_parser = parse_time, env = "RUNTRAIL_TRIGGERS_UNTIL")]
    pub(crate) until: Option<Timestamp>,
    /// Only what comes after this place, as the page before says it
    #[arg(long, value_name = "TIME/ID", env = "RUNTRAIL_TRIGGERS_AFTER")]
    pub(crate) after: Option<Cursor>,
    /// At most so many, from 1 to 5000; more is 5000
    #[arg(long, value_name = "N", default_value = "100", value_parser = parse_limit, env = "RUNTRAIL_TRIGGERS_LIMIT", allow_hyphen_values = true)]
    pub(crate) limit: Limit,
}

/// Arguments of `triggers events`.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Only these: all, matched, unmatched, triggered or untriggered
    #[arg(
        long,
        value_name = "STATE",
        default_value = "all",
        env = "RUNTRAIL_TRIGGERS_STATE"
    )]
    pub(crate) state: MarkerState,
    /// Only events of this code
    #[arg(long, value_name = "CODE", env = "RUNTRAIL_TRIGGERS_CODE")]
    pub(crate) code: Option<String>,
    /// Only events that this run emitted
    #[arg(long, value_name = "RUN", env = "RUNTRAIL_TRIGGERS_EMITTER")]
    pub(crate) emitter: Option<String>,
    /// Show what events carry
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_TRIGGERS_PAYLOADS")]
    pub(crate) payloads: bool,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Arguments of `triggers runs`.
#[derive(Debug, Args)]
pub(crate) struct TriggerRunsArgs {
    /// Only those in which this event took part
    #[arg(long, value_name = "EVENT", env = "RUNTRAIL_TRIGGERS_EVENT")]
    pub(crate) event: Option<String>,
    /// Only the one that started this run
    #[arg(long, value_name = "RUN", env = "RUNTRAIL_TRIGGERS_STARTED")]
    pub(crate) started: Option<String>,
    /// Only those in which this run took part, by itself or by an event
    #[arg(long, value_name = "RUN", env = "RUNTRAIL_TRIGGERS_SOURCE")]
    pub(crate) source: Option<String>,
    /// Only those of which this condition was satisfied
    #[arg(long, value_name = "CONDITION", env = "RUNTRAIL_TRIGGERS_CONDITION")]
    pub(crate) condition: Option<String>,
    /// Only those of this trigger
    #[arg(long, value_name = "TRIGGER", env = "RUNTRAIL_TRIGGERS_TRIGGER")]
    pub(crate) trigger: Option<String>,
    /// Only those that were claimed and of which nothing more is known
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_TRIGGERS_PENDING")]
    pub(crate) pending: bool,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Arguments of `triggers show`.
#[derive(Debug, Args)]
pub(crate) struct ShowRecordArgs {
    /// The id of an event or of a trigger run
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Arguments of `triggers chain`.
#[derive(Debug, Args)]
pub(crate) struct ChainArgs {
    /// The id of a run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Only so many runs in a row, each way
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..), env = "RUNTRAIL_TRIGGERS_DEPTH")]
    pub(crate) depth: u32,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Arguments of `triggers retention`.
#[derive(Debug, Args)]
pub(crate) struct RetentionArgs {
    /// Remove what is older than this: 12h, 30d
    #[arg(long, value_name = "AGE", value_parser = parse_age, env = "RUNTRAIL_TRIGGERS_OLDER_THAN", conflicts_with = "before")]
    pub(crate) older_than: Option<f64>,
    /// Remove what is earlier than this; a time without an offset is UTC
    #[arg(long, value_name = "TIME", value_parser = parse_time, env = "RUNTRAIL_TRIGGERS_BEFORE")]
    pub(crate) before: Option<Timestamp>,
    /// Keep so many events, the newest
    #[arg(long, value_name = "N", env = "RUNTRAIL_TRIGGERS_MAX_EVENTS")]
    pub(crate) max_events: Option<u64>,
    /// Keep so many trigger runs that are over, the newest
    #[arg(long, value_name = "N", env = "RUNTRAIL_TRIGGERS_MAX_RUNS")]
    pub(crate) max_runs: Option<u64>,
    /// Remove it; without this, nothing is changed
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_TRIGGERS_APPLY")]
    pub(crate) apply: bool,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}
