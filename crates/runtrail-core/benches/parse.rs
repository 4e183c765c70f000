//! Reading events beside `serde_json`, in one process, by CPU time.
//!
//! ```sh
//! cargo bench -p runtrail-core --bench parse               # a generated archive of 64 MiB
//! cargo bench -p runtrail-core --bench parse -- FILE.jsonl # the first 256 MiB of a file
//! ```
//!
//! Every way starts from text that is known to be UTF-8, as `serde_json::from_str` does, keeps the
//! events of 1 MiB at a time, and frees them.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod archive;
mod rounds;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hint::black_box;

use archive::Archive;
use rounds::{Way, measure, print_table};
use runtrail_core::text::Text;
use runtrail_core::wire::{Read, WireReader};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The event as most programs would declare it.
#[derive(Deserialize)]
#[expect(dead_code, reason = "what is read is what is measured")]
struct ObviousEvent {
    event_id: String,
    request_id: String,
    kind: String,
    op_name: Option<String>,
    ctx: Vec<String>,
    timestamp: String,
    seq: u64,
    payload: BTreeMap<String, Value>,
}

/// The event with everything borrowed that can be, and its payload left unread.
#[derive(Deserialize)]
#[expect(dead_code, reason = "what is read is what is measured")]
struct RawEvent<'a> {
    #[serde(borrow)]
    event_id: Cow<'a, str>,
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    op_name: Option<Cow<'a, str>>,
    ctx: Vec<String>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    seq: u64,
    #[serde(borrow)]
    payload: &'a RawValue,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let archive = Archive::of_arguments()?;
    let megabytes = archive.bytes() as f64 / 1e6;
    let texts: Vec<Text> = archive
        .chunks
        .into_iter()
        .map(Text::from_utf8)
        .collect::<Result<_, _>>()
        .map_err(|_| "the archive is not UTF-8")?;
    let mut reader = WireReader::default();
    let mut ways = [
        Way::new("WireReader", || {
            texts.iter().map(|text| read(&mut reader, text)).sum()
        }),
        Way::new("serde_json, BTreeMap payload", || {
            texts.iter().map(|text| obvious(text)).sum()
        }),
        Way::new("serde_json, &RawValue payload", || {
            texts.iter().map(|text| raw(text)).sum()
        }),
    ];
    let events = measure(&mut ways);
    println!(
        "wire parse of {} ({megabytes:.0} MB, {events} events)",
        archive.name
    );
    print_table(&ways, megabytes, "MB", 1);
    Ok(())
}

fn read(reader: &mut WireReader, text: &Text) -> usize {
    let mut events = Vec::new();
    let mut pos = 0;
    while let Read::Event { event, end, .. } = reader.read_at(text, pos) {
        events.push(event);
        // A line ends with one byte here.
        pos = end + 1;
    }
    black_box(&events).len()
}

fn obvious(text: &str) -> usize {
    let events: Vec<ObviousEvent> = text
        .lines()
        .map_while(|line| serde_json::from_str(line).ok())
        .collect();
    black_box(&events).len()
}

fn raw(text: &str) -> usize {
    let events: Vec<RawEvent<'_>> = text
        .lines()
        .map_while(|line| serde_json::from_str(line).ok())
        .collect();
    black_box(&events).len()
}
