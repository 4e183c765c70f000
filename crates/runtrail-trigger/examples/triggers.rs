//! A small engine that says what started what: an order sets off a mail and a bill, and the paid
//! bill sets off an entry in the ledger.
//!
//! `cargo run -p runtrail-trigger --features sqlite --example triggers [FOLDER]` writes
//! `FOLDER/triggers.db` and `FOLDER/runs.jsonl` and prints the chain; without a folder, to one of its
//! own that goes at the end. Then:
//!
//! ```sh
//! runtrail triggers FOLDER/triggers.db chain shop-7      # from the store
//! runtrail tree FOLDER/runs.jsonl ledger-1               # from the run's own events
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use runtrail_core::event::{Ctx, EventKind, Payload, TraceEvent};
use runtrail_core::link::{Link, Source};
use runtrail_core::time::Timestamp;
use runtrail_core::wire::event_to_json;
use runtrail_trigger::{
    ChainLimits, EventRecord, Matches, Monitor, Permit, SqliteSettings, SqliteStore,
    TriggerRunParticipant, TriggerRunRecord, chain,
};

/// A trigger: what it listens to, and the run that it starts.
const TRIGGERS: [(&str, &str, &str); 3] = [
    ("send-mail", "order.created", "mail"),
    ("send-bill", "order.created", "bill"),
    ("keep-books", "bill.paid", "ledger"),
];

struct Engine {
    monitor: Monitor,
    archive: String,
    seconds: i64,
}

impl Engine {
    /// The engine's clock, one second a step.
    fn now(&mut self) -> Timestamp {
        self.seconds += 1;
        Timestamp::from_micros(1_790_000_000_000_000 + self.seconds * 1_000_000)
    }

    /// Appends an event to the stream of a run.
    fn trace(&mut self, run: &str, seq: u64, kind: EventKind, payload: Payload) {
        let event = TraceEvent {
            event_id: format!("{run}/{seq}").into(),
            request_id: run.into(),
            op_name: (kind != EventKind::Annotation).then(|| "work".into()),
            kind,
            ctx: Ctx::default(),
            timestamp: self.now(),
            seq,
            payload,
            extra: None,
        };
        self.archive.push_str(&event_to_json(&event));
        self.archive.push('\n');
    }

    /// Runs something: notes what started it, works, and emits an event at its end.
    fn run(&mut self, run: &str, started_by: &[Link], emits: Option<(&str, &str)>) {
        let mut seq = 0;
        for link in started_by {
            self.trace(run, seq, EventKind::Annotation, link.to_payload());
            seq += 1;
        }
        self.trace(run, seq, EventKind::OpStart, Payload::empty());
        self.trace(run, seq + 1, EventKind::OpEnd, Payload::empty());
        if let Some((event_id, code)) = emits {
            self.emit(run, event_id, code);
        }
    }

    /// Records an event and starts what it triggers.
    fn emit(&mut self, run: &str, event_id: &str, code: &str) {
        let now = self.now();
        self.monitor
            .event(&EventRecord::new(event_id, code, now).emitted_by(run));
        for (trigger, condition, starts) in TRIGGERS {
            if condition != code {
                continue;
            }
            let matches = Matches {
                matched: vec![condition.into()],
                valid: vec![condition.into()],
            };
            self.monitor.matched(event_id, &matches);
            let source = Source::Event {
                event_id: event_id.into(),
                request_id: Some(run.into()),
            };
            let participant = TriggerRunParticipant::new(condition, source, now);
            let planned = TriggerRunRecord::plan_any(trigger, participant, now);
            // Another engine that saw the same event may have been faster.
            if matches!(self.monitor.claim(&planned), Permit::Held(_)) {
                continue;
            }
            let started = format!("{starts}-1");
            let at = self.now();
            let links = self.monitor.started(&planned, started.as_str(), at);
            let emits = (starts == "bill").then_some(("paid-1", "bill.paid"));
            self.run(&started, &links, emits);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let own = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| own.path().to_owned());
    fs::create_dir_all(&folder)?;
    let store = SqliteStore::open(folder.join("triggers.db"), SqliteSettings::default())?;
    let store = Arc::new(store);
    let mut engine = Engine {
        monitor: Monitor::shared(store.clone()),
        archive: String::new(),
        seconds: 0,
    };
    engine.run("shop-7", &[], Some(("order-1", "order.created")));
    fs::write(folder.join("runs.jsonl"), &engine.archive)?;

    let chain = chain(&*store, "shop-7", ChainLimits::default())?;
    println!("shop-7");
    for step in &chain.after {
        let by = step.link.link.source.id().map_or("", |id| id);
        let indent = "  ".repeat(step.depth as usize);
        println!("{indent}→ {} (by {by})", step.link.to_request_id);
    }
    let report = engine.monitor.report();
    println!("{} records, {} failed", report.recorded, report.failed);
    Ok(())
}
