//! Folding events beside floors that any fold must pay, in one process, by CPU time.
//!
//! ```sh
//! cargo bench -p runtrail-core --bench fold                # a generated archive of 64 MiB
//! cargo bench -p runtrail-core --bench fold -- FILE.jsonl  # the first 256 MiB of a file
//! ```
//!
//! The floors: looking at every field of every event once, and gathering the events by run in the
//! standard library's map.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod archive;
mod rounds;

use std::collections::HashMap;
use std::hint::black_box;

use archive::Archive;
use rounds::{Way, measure, print_table};
use runtrail_core::event::{TraceEvent, View};
use runtrail_core::fold::{Detail, Fold, FoldLimits};
use runtrail_core::text::Text;
use runtrail_core::wire::{Read, WireReader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let archive = Archive::of_arguments()?;
    let mut events = parse(&archive);
    events.sort();
    let without_content = FoldLimits {
        detail: Detail::Spans,
        ..FoldLimits::default()
    };
    let mut ways = [
        Way::new("every field looked at", || look_at(&events)),
        Way::new("HashMap<String, Vec> by run", || group(&events)),
        Way::new("fold, with content", || {
            fold(&events, FoldLimits::default())
        }),
        Way::new("fold, without content", || fold(&events, without_content)),
    ];
    let count = measure(&mut ways);
    let megabytes = archive.bytes() as f64 / 1e6;
    println!(
        "fold of {} ({megabytes:.0} MB, {count} events)",
        archive.name
    );
    print_table(&ways, count as f64 / 1e6, "million events", 2);
    Ok(())
}

fn parse(archive: &Archive) -> Vec<TraceEvent> {
    let mut reader = WireReader::default();
    let mut events = Vec::new();
    for chunk in &archive.chunks {
        let Ok(text) = Text::from_utf8(chunk.clone()) else {
            continue;
        };
        let mut pos = 0;
        while let Read::Event { event, end, .. } = reader.read_at(&text, pos) {
            events.push(event);
            pos = end + 1;
        }
    }
    events
}

fn look_at(events: &[TraceEvent]) -> usize {
    let mut sum = 0;
    for event in events {
        let fields = match event.view() {
            View::OpStart(e) => [e.inputs, e.parent_id, None],
            View::OpEnd(e) => [e.outputs, e.status, e.duration_ms],
            View::OpYield(e) => [e.yielded, e.idx, e.opener_id],
            View::Annotation(e) => [e.key, e.value, e.opener_id],
            View::GroupStart(e) => [e.name, e.parent_id, None],
            View::GroupEnd(e) => [e.name, e.status, e.opener_id],
            View::LlmUsage(e) => [e.prompt_tokens, e.completion_tokens, e.total_tokens],
            View::MediaRef(e) => [e.handle, e.mime, e.size_bytes],
            View::Unknown => [None; 3],
        };
        let lengths: usize = fields
            .iter()
            .flatten()
            .map(|field| field.text().len())
            .sum();
        sum +=
            lengths + event.text_bytes() + event.timestamp.micros() as usize + event.seq as usize;
    }
    black_box(sum);
    events.len()
}

fn group(events: &[TraceEvent]) -> usize {
    let mut runs: HashMap<String, Vec<TraceEvent>> = HashMap::new();
    for event in events {
        runs.entry(event.request_id.to_string())
            .or_default()
            .push(event.clone());
    }
    black_box(&runs);
    runs.values().map(Vec::len).sum()
}

fn fold(events: &[TraceEvent], limits: FoldLimits) -> usize {
    let mut fold = Fold::new("", limits);
    let (mut spans, mut seen) = (Vec::new(), 0);
    for run in events.chunk_by(|one, next| one.request_id == next.request_id) {
        for event in run {
            fold.push(event, &mut spans);
        }
        if let Some(summary) = fold.finish_run(&run[0].request_id, &mut spans) {
            seen += summary.events as usize;
        }
        black_box(&spans);
        spans.clear();
    }
    seen
}
