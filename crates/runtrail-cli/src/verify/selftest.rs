//! Whether verifying works at all: on a run that is the same, and on copies of it that are not.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtrail_core::export::{Batch, Exporter, RunEnd};
use runtrail_core::wire::WireReader;
use runtrail_parquet::{Lake, LakeReader};
use runtrail_replay::verify::{Findings, Outcome, Verdict};

use super::{Depth, Job, verify};
use crate::code::Code;
use crate::failure::Failure;

/// The memory for a dozen events.
const MEMORY: usize = 8 << 20;

const RUN: &str = "self-test";

/// What a copy is called, what is changed in it, and what that must be found to be.
type Copy = (&'static str, fn(&mut Vec<String>), Option<Outcome>);

pub(super) fn lines() -> Vec<String> {
    let line = |seq: usize| {
        let kind = if seq.is_multiple_of(2) {
            "op_start"
        } else {
            "op_end"
        };
        format!(
            r#"{{"event_id":"{RUN}-{seq}","request_id":"{RUN}","kind":"{kind}","op_name":"main.step","ctx":["main"],"timestamp":"2026-01-01T00:00:{seq:02}Z","seq":{seq},"payload":{{"outputs":{{"n":{seq}}},"status":"ok"}}}}"#
        )
    };
    (0..12).map(line).collect()
}

/// Verifies a lake of a run against the run itself and against copies in which one thing is changed.
///
/// A verdict is only worth something if this passes: it takes the same path as any other.
pub(crate) fn selftest(depth: Depth) -> Result<(), Failure> {
    let folder = tempfile::tempdir();
    let folder =
        folder.map_err(|e| Failure::path("use temporary space in", &std::env::temp_dir(), &e))?;
    let lines = lines();
    let lake = export(&lines, &folder.path().join("lake"))?;
    let copies: [Copy; 4] = [
        ("same", |_| {}, None),
        (
            "changed",
            |lines| lines[5] = lines[5].replace("\"n\":5", "\"n\":6"),
            Some(Outcome::Payload),
        ),
        (
            "longer",
            |lines| lines.push(lines[0].replace("-0\"", "-x\"")),
            Some(Outcome::MissingEvent),
        ),
        (
            "shorter",
            |lines| drop(lines.pop()),
            Some(Outcome::ExtraEvent),
        ),
    ];
    for (name, change, wanted) in copies {
        let mut copy = lines.clone();
        change(&mut copy);
        let path = folder.path().join(format!("{name}.jsonl"));
        std::fs::write(&path, copy.join("\n") + "\n")
            .map_err(|e| Failure::path("write", &path, &e))?;
        let job = Job {
            sources: &[path.display().to_string()],
            lake: &lake,
            depth,
            read: runtrail_archive::ReadOptions::default(),
            memory: MEMORY,
            temp: Some(folder.path()),
            cancelled: Arc::default(),
        };
        let findings = verify(&job)?.findings;
        if !is_as_wanted(&findings, wanted) {
            return Err(Failure::new(
                Code::Io,
                format!(
                    "verifying does not work here: a copy that is {name} gives {:?}",
                    findings.counts
                ),
            )
            .help("report this: nothing was compared"));
        }
    }
    Ok(())
}

fn is_as_wanted(findings: &Findings, wanted: Option<Outcome>) -> bool {
    let Some(outcome) = wanted else {
        return findings.verdict() == Verdict::Match;
    };
    let named = |finding: &runtrail_replay::verify::Finding| {
        finding.outcome == outcome && finding.run.as_deref() == Some(RUN)
    };
    findings.verdict() == Verdict::Mismatch && findings.listed.iter().any(named)
}

pub(super) fn export(lines: &[String], folder: &Path) -> Result<LakeReader, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| Failure::of(Code::Io, error);
    let mut reader = WireReader::default();
    let events = lines.iter().map(|line| reader.read(&line.as_str().into()));
    let events = events
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| failed(&e))?;
    let ended = vec![RunEnd {
        request_id: RUN.into(),
        after: events.len(),
    }];
    let mut lake = Lake::local(folder).open().map_err(|e| failed(&e))?;
    lake.export(&Batch::new(events, ended))
        .map_err(|e| failed(&e))?;
    Box::new(lake)
        .close(Instant::now() + Duration::from_secs(60))
        .map_err(|e| failed(&e))?;
    let lake = LakeReader::open(folder).map_err(|e| failed(&e))?;
    lake.ok_or_else(|| {
        Failure::new(
            Code::Io,
            "verifying does not work here: no lake was written",
        )
    })
}
