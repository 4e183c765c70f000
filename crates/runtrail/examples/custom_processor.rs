//! A processor of one's own: marks the ops that took longer than a limit.
//!
//! `cargo run -p runtrail --example custom_processor` prints a run's events as it leaves them.

use std::error::Error;
use std::io::{self, Write};

use runtrail::core::event::{EventKind, Payload, TraceEvent, View};
use runtrail::core::json::RawJson;
use runtrail::core::process::{Chain, Output, Processor, Redact, RedactSettings};
use runtrail::core::text::Text;
use runtrail::core::wire::{WireReader, write_event};

/// Adds a note `slow` to each op that took longer.
struct MarkSlow {
    limit_ms: f64,
}

impl MarkSlow {
    /// The note on an op that was slow; it stands where the op's end stands, before it.
    fn note(&self, event: &TraceEvent) -> Option<TraceEvent> {
        let View::OpEnd(end) = event.view() else {
            return None;
        };
        let took = end.duration_ms.and_then(RawJson::as_f64)?;
        if took <= self.limit_ms {
            return None;
        }
        let payload = format!(
            r#"{{"key":"slow","value":{{"limit_ms":{}}}}}"#,
            self.limit_ms
        );
        Some(TraceEvent {
            // An id of its own, the same whenever the same stream is processed, and one that comes
            // before the end's own: notes on an op that ended belong nowhere.
            event_id: Text::new(format!("+slow~{}", event.event_id)),
            kind: EventKind::Annotation,
            payload: Payload::new(&EventKind::Annotation, payload)?,
            extra: None,
            ..event.clone()
        })
    }
}

impl Processor for MarkSlow {
    fn name(&self) -> &'static str {
        "mark_slow"
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        if let Some(note) = self.note(&event) {
            out.make(note);
        }
        out.forward(event);
    }

    // Nothing is kept of a run, so there is nothing to give at its end.
    fn finish(&mut self, _request_id: &Text, _out: &mut Output) {}

    fn held(&self) -> u64 {
        0
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let redact = Redact::new(&RedactSettings::default())?;
    // A redactor comes first wherever it stands, and sees what others make.
    let mut chain = Chain::new(vec![
        Box::new(MarkSlow { limit_ms: 100.0 }),
        Box::new(redact),
    ]);
    let mut reader = WireReader::default();
    let mut lines = String::new();
    for line in [
        r#"{"event_id":"r-0","request_id":"r","kind":"op_start","op_name":"fetch","timestamp":"2026-11-21T01:00:00Z","seq":0,"payload":{"inputs":{"api_key":"k1"}}}"#,
        r#"{"event_id":"r-1","request_id":"r","kind":"op_end","op_name":"fetch","timestamp":"2026-11-21T01:00:01Z","seq":1,"payload":{"status":"ok","duration_ms":1000}}"#,
    ] {
        chain.process(reader.read(&line.into())?, &mut |event| {
            write_event(&event, &mut lines);
            lines.push('\n');
        });
    }
    chain.finish(&"r".into(), &mut |event| write_event(&event, &mut lines));
    io::stdout().write_all(lines.as_bytes())?;
    if chain.imbalance() != 0 {
        return Err("an event went missing".into());
    }
    Ok(())
}
