//! Arguments of `replay` and `verify`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::{FalseyValueParser, PossibleValuesParser};
use runtrail_core::time::{ParseTimeError, Timestamp};
use runtrail_replay::{Cutoff, Projections};

use super::{Format, ReadArgs, ShowArgs, after_help};
use crate::size::{parse_bytes, parse_duration};

const REPLAY_EXAMPLES: &str =
    "  runtrail replay nightly/ 7f3a                        the whole run, and its checksum
  runtrail replay lake 7f3a --at +2.5s                 2.5 seconds after it began
  runtrail replay nightly/ 7f3a --at 2026-11-20T03:12:04Z
  runtrail replay nightly/ 7f3a --at seq:41 --projection ops --format json";

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(override_usage = "runtrail replay [OPTIONS] <SOURCE>... <RUN>", after_help = after_help(REPLAY_EXAMPLES))]
pub(crate) struct ReplayArgs {
    /// The archive or the lake, and last the run: the start of its id
    #[arg(value_name = "SOURCE|RUN", required = true, num_args = 2..)]
    pub(crate) sources_and_run: Vec<String>,
    /// The moment, itself included: a time, +2.5s after the start, seq:N, event:ID or end. A time without
    /// a UTC offset is one of --assume-tz
    #[arg(
        long,
        value_name = "MOMENT",
        default_value = "end",
        env = "RUNTRAIL_AT"
    )]
    pub(crate) at: At,
    /// What to show; all by default. May be given more than once
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Projections::NAMES),
        env = "RUNTRAIL_PROJECTION"
    )]
    pub(crate) projection: Vec<String>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// A moment, as it is given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum At {
    /// One that a run's events tell by themselves.
    Cutoff(Cutoff),
    /// So many milliseconds after the run's first event.
    After {
        millis: f64,
        /// As it was written.
        text: String,
    },
    /// A time that states no UTC offset, as it was written.
    WithoutOffset(String),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text == "end" {
            return Ok(Self::Cutoff(Cutoff::End));
        }
        if let Some(after) = text.strip_prefix('+') {
            let text = text.to_owned();
            return parse_duration(after).map(|millis| Self::After { millis, text });
        }
        if let Some(seq) = text.strip_prefix("seq:") {
            let seq = seq
                .parse()
                .map_err(|_| "expected a number after seq:".to_owned())?;
            return Ok(Self::Cutoff(Cutoff::Seq(seq)));
        }
        if let Some(id) = text.strip_prefix("event:") {
            return Ok(Self::Cutoff(Cutoff::Event(id.to_owned())));
        }
        match Timestamp::parse_with(text, None) {
            Ok(time) => Ok(Self::Cutoff(Cutoff::Time(time))),
            // Whether it is a time at all does not depend on the offset.
            Err(ParseTimeError::NoOffset) if Timestamp::parse_with(text, Some(0)).is_ok() => {
                Ok(Self::WithoutOffset(text.to_owned()))
            }
            Err(_) => Err(
                "expected a time such as 2026-11-20T03:12:04Z, or +2.5s, seq:41, event:ID or end"
                    .to_owned(),
            ),
        }
    }
}

const VERIFY_EXAMPLES: &str = "  runtrail verify nightly/*.jsonl.zst --lake lake             counts and digests of all events
  runtrail verify nightly/*.jsonl.zst --lake lake --deep      and both sides replayed
  runtrail verify nightly/*.jsonl.zst --lake lake --quick     the log and the files alone
  runtrail verify nightly/ --lake lake --format json | jq .verdict

What could not be compared is never a match: the answer is then neither yes nor no, and the exit code 4.";

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_help = after_help(VERIFY_EXAMPLES))]
pub(crate) struct VerifyArgs {
    /// What was exported: files, folders, globs, or another lake
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,
    /// The lake that it was exported to
    #[arg(long, value_name = "LAKE", required = true, env = "RUNTRAIL_LAKE")]
    pub(crate) lake: PathBuf,
    /// Look at the journal, the log and the files, and at no event
    #[arg(long, conflicts_with = "deep", value_parser = FalseyValueParser::new(), env = "RUNTRAIL_QUICK")]
    pub(crate) quick: bool,
    /// Replay both sides too, and compare the checksum of every run
    #[arg(long, value_parser = FalseyValueParser::new(), env = "RUNTRAIL_DEEP")]
    pub(crate) deep: bool,
    /// About how much memory to use; what does not fit goes to temporary files
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value = "1GiB", env = "RUNTRAIL_MEMORY")]
    pub(crate) memory: usize,
    /// How many threads to use; all by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), env = "RUNTRAIL_THREADS")]
    pub(crate) threads: Option<u16>,
    /// How the answer is written
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        env = "RUNTRAIL_FORMAT"
    )]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_apart_by_how_they_are_written() {
        let at = |text: &str| text.parse::<At>();
        assert_eq!(at("end"), Ok(At::Cutoff(Cutoff::End)));
        let after = At::After {
            millis: 2500.0,
            text: "+2.5s".into(),
        };
        assert_eq!(at(" +2.5s"), Ok(after));
        let local = "2026-11-20 03:12:04.5";
        assert_eq!(at(local), Ok(At::WithoutOffset(local.into())));
        assert_eq!(at("seq:41"), Ok(At::Cutoff(Cutoff::Seq(41))));
        assert_eq!(at("event:a:b"), Ok(At::Cutoff(Cutoff::Event("a:b".into()))));
        assert!(matches!(
            at("2026-11-20T03:12:04Z"),
            Ok(At::Cutoff(Cutoff::Time(_)))
        ));
        for wrong in ["", "seq:x", "+", "+2", "now", "7"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
