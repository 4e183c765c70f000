//! The command line.

mod export;
mod journal;
mod proof;
mod triggers;
mod views;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use runtrail_archive::ReadOptions;
use runtrail_core::wire::WireOptions;

pub(crate) use export::{ExportArgs, ExporterKind, OnBadLine, OpenRunsArg};
pub(crate) use journal::JournalArgs;
pub(crate) use proof::{At, ReplayArgs, VerifyArgs};
pub(crate) use triggers::{
    ChainArgs, EventsArgs, PageArgs as TriggerPageArgs, Question, RetentionArgs, ShowRecordArgs,
    TriggerRunsArgs, TriggersArgs,
};
pub(crate) use views::{CatArgs, RunOrder, RunsArgs, Show, TreeArgs, TreeOrder, WantedStatus};

use crate::code;
use crate::human::Clock;
use crate::size::{parse_bytes, parse_zone};

/// The text after a command's options: examples, then the exit codes.
fn after_help(examples: &str) -> String {
    if examples.is_empty() {
        code::HELP.to_owned()
    } else {
        format!("Examples:\n{examples}\n\n{}", code::HELP)
    }
}

const TOP_EXAMPLES: &str =
    "  runtrail demo                                a sample archive, its lake, and what to try next
  runtrail runs nightly/                       the runs of an archive
  runtrail tree nightly/ 7f3a                  one run as a tree, by the start of its id
  runtrail export nightly/*.jsonl.zst --to lake";

/// Records of workflow runs: read archives, look at runs, export them to a lake of Parquet tables.
///
/// A SOURCE is a file, a folder, a glob, a file:// URL, a lake, or - for standard input; JSON Lines or
/// JSON arrays, plain or under gzip or Zstandard, told by content. Every option can also be set by an
/// environment variable, named at the option.
#[derive(Debug, Parser)]
#[command(name = "runtrail", version, max_term_width = 100, after_help = after_help(TOP_EXAMPLES))]
#[command(arg_required_else_help = true)]
pub(crate) struct Cli {
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        env = "RUNTRAIL_COLOR"
    )]
    pub(crate) color: ColorChoice,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a small sample archive, export it, and show what to try next; uses no network
    Demo(DemoArgs),
    /// Export archives to a lake of Parquet tables, to JSON trees, to JSON Lines, or as spans
    Export(Box<ExportArgs>),
    /// List the runs of archives
    Runs(RunsArgs),
    /// Show one run as a tree of its groups and ops
    Tree(TreeArgs),
    /// Print events in order
    Cat(CatArgs),
    /// Say what a run had come to at a moment: what was running, done and spent
    Replay(ReplayArgs),
    /// Say whether a lake holds exactly what its sources hold
    Verify(VerifyArgs),
    /// List the exports of a lake, and say what one planned, did and came to
    Journal(JournalArgs),
    /// Show what started what: events, trigger runs and their links in a store
    Triggers(Box<TriggersArgs>),
    /// Say what is wrong with a program's configuration; opens and writes nothing
    Check(CheckArgs),
    /// Print a completion script for a shell
    #[command(after_help = after_help("  runtrail completions bash > ~/.local/share/bash-completion/completions/runtrail"))]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one a command
    #[command(after_help = after_help("  runtrail man --dir ~/.local/share/man/man1"))]
    Man {
        /// Write a page for every command into this folder
        #[arg(long, value_name = "DIR", env = "RUNTRAIL_MAN_DIR")]
        dir: Option<PathBuf>,
    },
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless the environment says otherwise
    Auto,
    /// Also into files and pipes
    Always,
    /// Not at all
    Never,
}

/// How an answer is written; every command knows all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON value
    Json,
    /// One JSON value a line
    Jsonl,
    /// For tickets and for pasting into a model
    Markdown,
}

/// How archives are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct ReadArgs {
    /// The UTC offset of timestamps that state none (UTC or ±HH:MM); without it they are refused
    #[arg(long, value_name = "ZONE", value_parser = parse_zone, env = "RUNTRAIL_ASSUME_TZ", allow_hyphen_values = true)]
    pub(crate) assume_tz: Option<i32>,
    /// The longest event that is read, in bytes
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value = "64MiB", env = "RUNTRAIL_MAX_LINE")]
    pub(crate) max_line: usize,
    /// How deep an event may nest, at most 1024
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=1024), default_value = "128", env = "RUNTRAIL_MAX_DEPTH")]
    pub(crate) max_depth: u16,
}

/// What the command line says where it says nothing.
impl Default for ReadArgs {
    fn default() -> Self {
        let (wire, read) = (WireOptions::default(), ReadOptions::default());
        Self {
            assume_tz: wire.assume_offset_minutes,
            max_line: read.max_line,
            max_depth: wire.max_depth as u16,
        }
    }
}

impl ReadArgs {
    /// Returns the options of the archive reader.
    pub(crate) fn options(&self, threads: usize) -> ReadOptions {
        let wire = WireOptions {
            max_depth: usize::from(self.max_depth),
            assume_offset_minutes: self.assume_tz,
        };
        ReadOptions {
            wire,
            max_line: self.max_line,
            threads,
            ..ReadOptions::default()
        }
    }
}

/// How an answer is shown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Showing")]
pub(crate) struct ShowArgs {
    /// How the answer is written
    #[arg(long, value_enum, value_name = "FORMAT", env = "RUNTRAIL_FORMAT")]
    pub(crate) format: Option<Format>,
    /// Show times in UTC rather than in the local zone; JSON is always in UTC
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_UTC")]
    pub(crate) utc: bool,
}

impl ShowArgs {
    /// Returns the clock that people are shown.
    pub(crate) fn clock(&self) -> Clock {
        if self.utc { Clock::Utc } else { Clock::Local }
    }
}

const DEMO_EXAMPLES: &str = "  runtrail demo
  runtrail tree runtrail-demo 7f3a";

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = after_help(DEMO_EXAMPLES))]
pub(crate) struct DemoArgs {
    /// The folder to write to: a new one, an empty one, or that of an earlier demo
    #[arg(value_name = "DIR", default_value = "runtrail-demo")]
    pub(crate) dir: PathBuf,
    /// Show times in UTC rather than in the local zone
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_UTC")]
    pub(crate) utc: bool,
}

const CHECK_EXAMPLES: &str = "  runtrail check runtrail.toml
  runtrail check runtrail.toml --format json";

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = after_help(CHECK_EXAMPLES))]
pub(crate) struct CheckArgs {
    /// The file, in TOML
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How the answer is written
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        env = "RUNTRAIL_FORMAT"
    )]
    pub(crate) format: Format,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryPlan;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_not_said_is_the_default_of_the_libraries() {
        let Ok(Cli {
            command: Command::Export(args),
            ..
        }) = Cli::try_parse_from(["runtrail", "export", "a", "--to", "b"])
        else {
            panic!("not read");
        };
        let plain = ExportArgs::plain(vec!["a".into()], "b".into());
        assert_eq!(format!("{args:?}"), format!("{plain:?}"));
        let Ok(Cli {
            command: Command::Tree(args),
            ..
        }) = Cli::try_parse_from(["runtrail", "tree", "--utc", "a"])
        else {
            panic!("not read");
        };
        let plain = TreeArgs {
            sources_and_run: vec!["a".into()],
            ..TreeArgs::plain(true)
        };
        assert_eq!(format!("{args:?}"), format!("{plain:?}"));
    }

    #[test]
    fn the_least_memory_is_the_one_that_the_help_names() {
        let program = Cli::command();
        let export = program.find_subcommand("export").unwrap();
        let memory = export
            .get_arguments()
            .find(|arg| arg.get_long() == Some("memory"));
        let help = memory.and_then(clap::Arg::get_help).unwrap().to_string();
        assert_eq!(
            help.rsplit(' ').next().map(parse_bytes),
            Some(Ok(MemoryPlan::MINIMUM)),
            "{help}"
        );
    }

    #[test]
    fn every_option_has_its_environment_variable() {
        let program = Cli::command();
        let mut commands = vec![&program];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands());
            for arg in command
                .get_arguments()
                .filter(|arg| arg.get_long().is_some())
            {
                let long = arg.get_long().unwrap_or_default();
                if ["help", "version"].contains(&long) {
                    continue;
                }
                let env = arg
                    .get_env()
                    .unwrap_or_else(|| panic!("--{long} has no variable"))
                    .to_string_lossy();
                let name = long.replace('-', "_").to_uppercase();
                assert!(
                    env.starts_with("RUNTRAIL_") && env.ends_with(&name),
                    "--{long}: {env}"
                );
            }
        }
    }
}
