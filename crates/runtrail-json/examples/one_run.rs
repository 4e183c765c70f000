//! Writes one run as a JSON tree, as the README shows.

use runtrail_core::export::{Batch, Exporter, RunEnd, Spans};
use runtrail_core::wire::WireReader;
use runtrail_json::Trees;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut reader = WireReader::default();
    let events = [
        r#"{"event_id":"1","request_id":"r","kind":"op_start","op_name":"plan","timestamp":"2026-11-21T01:00:00Z","seq":0}"#,
        r#"{"event_id":"2","request_id":"r","kind":"op_end","op_name":"plan","timestamp":"2026-11-21T01:00:01Z","seq":1}"#,
    ]
    .map(|line| reader.read(&line.into()));
    let events = events.into_iter().collect::<Result<Vec<_>, _>>()?;
    let ended = vec![RunEnd {
        request_id: "r".into(),
        after: events.len(),
    }];

    let mut exporter = Box::new(Spans::new(Trees::dir("runs")));
    exporter.export(&Batch::new(events, ended))?;
    exporter.close(Instant::now() + Duration::from_secs(5))?;
    Ok(())
}
