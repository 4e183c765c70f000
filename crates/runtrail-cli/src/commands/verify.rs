//! `runtrail verify`: whether a lake holds exactly what its sources hold.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use runtrail_core::printable::Printable;
use runtrail_parquet::LakeReader;
use runtrail_replay::verify::{Finding, Verdict};
use serde::Serialize;

use crate::args::{Format, VerifyArgs};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::glyph::{Glyphs, State};
use crate::human;
use crate::interrupt;
use crate::markdown;
use crate::out::Out;
use crate::verify::{Depth, Job, Verified, selftest, verify};

/// The least memory that sums and sorting work in.
const MIN_MEMORY: usize = 64 << 20;
/// Findings that people are shown.
const MAX_SHOWN: usize = 20;

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs, out: &mut Out) -> Outcome {
    if args.memory < MIN_MEMORY {
        let (given, least) = (
            human::bytes(args.memory as u64),
            human::bytes(MIN_MEMORY as u64),
        );
        return Err(Failure::usage(format!(
            "--memory {given} is too little: verifying needs at least {least}"
        )));
    }
    let lake = LakeReader::open(&args.lake).map_err(|error| Failure::of(Code::Io, &error))?;
    let Some(lake) = lake else {
        let shown = args.lake.display();
        return Err(Failure::new(Code::Io, format!("{shown} is no lake"))
            .help("name the folder that `runtrail export SOURCE --to LAKE` wrote"));
    };
    let depth = match (args.quick, args.deep) {
        (true, _) => Depth::Quick,
        (false, false) => Depth::Events,
        (false, true) => Depth::Replays,
    };
    if depth > Depth::Quick {
        selftest(depth)?;
    }
    let cancelled = Arc::new(AtomicBool::new(false));
    interrupt::set_on_interrupt(&cancelled).map_err(|error| {
        Failure::new(Code::Io, "cannot listen for interruptions").because(&error)
    })?;
    let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let job = Job {
        sources: &args.sources,
        lake: &lake,
        depth,
        read: args
            .read
            .options(args.threads.map_or_else(all, usize::from)),
        memory: args.memory,
        temp: None,
        cancelled,
    };
    let verified = verify(&job)?;
    let verdict = verified.findings.verdict();
    let answer = match args.format {
        Format::Text => text(args, depth, &verified, out),
        Format::Markdown => markdown(args, depth, &verified),
        format => json(args, depth, &verified, format == Format::Json)?,
    };
    out.answer(&answer)?;
    Ok(match verdict {
        Verdict::Match => Code::Done,
        Verdict::Mismatch => Code::No,
        Verdict::NotCompared => Code::Io,
    })
}

/// The verdict in a sentence.
fn sentence(args: &VerifyArgs, depth: Depth, verified: &Verified) -> String {
    let lake = args.lake.display();
    match (verified.findings.verdict(), depth) {
        (Verdict::Match, Depth::Quick) => {
            format!(
                "{lake} is whole: its log, its journal and its files agree; no event was compared"
            )
        }
        (Verdict::Match, _) => format!("{lake} holds exactly what its sources hold"),
        (Verdict::Mismatch, _) => format!("{lake} is not what its sources hold"),
        (Verdict::NotCompared, _) => format!("not everything could be compared with {lake}"),
    }
}

/// The sums behind the verdict.
fn sums(depth: Depth, verified: &Verified) -> Vec<String> {
    let mut lines = vec![format!(
        "{} looked at",
        human::counted(verified.parts, "part")
    )];
    if depth >= Depth::Events {
        let (source, lake) = (verified.source, verified.lake);
        lines.push(format!(
            "events: {} in the sources, {} in the lake; {} agree",
            human::count(source.events),
            human::count(lake.events),
            human::counted(verified.runs_matching, "run")
        ));
        lines.push(format!("digest of the sources  {}", source.hex()));
        lines.push(format!("digest of the lake     {}", lake.hex()));
        if verified.runs_compared_closely > 0 {
            let runs = human::counted(verified.runs_compared_closely, "run");
            lines.push(format!("{runs} compared event by event, repeats left out"));
        }
        if verified.rejected > 0 {
            let lines_ = human::counted(verified.rejected, "line");
            lines.push(format!("{lines_} of the sources hold no event"));
        }
    }
    if depth >= Depth::Replays {
        let runs = human::counted(verified.replays_matching, "run");
        lines.push(format!(
            "{runs} replayed from both sides to the same checksum"
        ));
    }
    lines
}

fn place(finding: &Finding) -> String {
    let named = [
        ("run", &finding.run),
        ("event", &finding.event),
        ("in", &finding.part),
    ];
    let named = named
        .iter()
        .filter_map(|(what, name)| Some(format!("{what} {}", name.as_ref()?)));
    named.collect::<Vec<_>>().join(", ")
}

fn text(args: &VerifyArgs, depth: Depth, verified: &Verified, out: &Out) -> String {
    let glyphs = Glyphs::new(out.terminal.unicode, out.terminal.out_colour);
    let state = match verified.findings.verdict() {
        Verdict::Match => State::Ok,
        Verdict::Mismatch => State::Error,
        Verdict::NotCompared => State::Open,
    };
    let sentence = sentence(args, depth, verified);
    let mut text = format!(
        "{} {}\n",
        glyphs.paint(state, glyphs.shape(state)),
        Printable(&sentence)
    );
    for line in sums(depth, verified) {
        let _ = writeln!(text, "  {line}");
    }
    for finding in verified.findings.listed.iter().take(MAX_SHOWN) {
        let (outcome, place) = (finding.outcome.as_str(), place(finding));
        let _ = writeln!(
            text,
            "{outcome}: {}\n  {}",
            Printable(&place),
            Printable(&finding.detail)
        );
    }
    let more = verified.findings.total().saturating_sub(MAX_SHOWN as u64);
    if more > 0 {
        let _ = writeln!(
            text,
            "and {} more; --format json lists them",
            human::count(more)
        );
    }
    text
}

fn markdown(args: &VerifyArgs, depth: Depth, verified: &Verified) -> String {
    let mut text = format!(
        "### {}\n\n",
        markdown::cell(&sentence(args, depth, verified))
    );
    for line in sums(depth, verified) {
        let _ = writeln!(text, "- {line}");
    }
    if verified.findings.total() > 0 {
        text.push_str("\n| outcome | where | what |\n| --- | --- | --- |\n");
    }
    for finding in verified.findings.listed.iter().take(MAX_SHOWN) {
        let (place, detail) = (
            markdown::cell(&place(finding)),
            markdown::cell(&finding.detail),
        );
        let _ = writeln!(
            text,
            "| {} | {place} | {detail} |",
            finding.outcome.as_str()
        );
    }
    text
}

#[derive(Serialize)]
struct Report<'r> {
    schema: &'static str,
    schema_version: u32,
    verdict: Verdict,
    depth: &'static str,
    sources: &'r [String],
    lake: String,
    parts: u64,
    source_events: Option<u64>,
    lake_events: Option<u64>,
    source_digest: Option<String>,
    lake_digest: Option<String>,
    runs_matching: Option<u64>,
    runs_compared_closely: Option<u64>,
    replays_matching: Option<u64>,
    rejected: Option<u64>,
    self_test: Option<&'static str>,
    outcomes: &'r std::collections::BTreeMap<runtrail_replay::verify::Outcome, u64>,
    findings: &'r [Finding],
}

fn json(
    args: &VerifyArgs,
    depth: Depth,
    verified: &Verified,
    indented: bool,
) -> Result<String, Failure> {
    let events = depth >= Depth::Events;
    let report = Report {
        schema: "runtrail.verify",
        schema_version: 1,
        verdict: verified.findings.verdict(),
        depth: depth.as_str(),
        sources: &args.sources,
        lake: args.lake.display().to_string(),
        parts: verified.parts,
        source_events: events.then_some(verified.source.events),
        lake_events: events.then_some(verified.lake.events),
        source_digest: events.then(|| verified.source.hex()),
        lake_digest: events.then(|| verified.lake.hex()),
        runs_matching: events.then_some(verified.runs_matching),
        runs_compared_closely: events.then_some(verified.runs_compared_closely),
        replays_matching: (depth >= Depth::Replays).then_some(verified.replays_matching),
        rejected: events.then_some(verified.rejected),
        self_test: events.then_some("passed"),
        outcomes: &verified.findings.counts,
        findings: &verified.findings.listed,
    };
    let rendered = if indented {
        serde_json::to_string_pretty(&report)
    } else {
        serde_json::to_string(&report)
    };
    rendered
        .map(|text| text + "\n")
        .map_err(|error| Failure::of(Code::Io, &error))
}
