//! By how much ends of pipelines overrun their limits, the worst of many repetitions.
//!
//! ```text
//! shutdown [ROUNDS]
//! ```
//!
//! Every host with every way to end and an exporter that is stuck or panics, and every part that can be
//! stuck while threads go on recording. The last column is a thread that waited for the same limit and
//! did nothing else: compare with it where the machine is busy.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::Duration;

use runtrail_core::pipeline::{Overflow, Pipeline, Settings, StartError};
use runtrail_testkit::host::{End, Host, Overrun, Stuck};
use runtrail_testkit::trouble::{Gate, Trouble, Troubled};

const LIMIT: Duration = Duration::from_millis(60);

/// What came of one row, over all rounds.
#[derive(Default)]
struct Row {
    ends: Vec<Duration>,
    waits: Vec<Duration>,
}

impl Row {
    fn add(&mut self, late: Overrun) {
        self.ends.push(late.end);
        self.waits.push(late.wait);
    }

    fn print(&mut self, name: &str) {
        self.ends.sort_unstable();
        self.waits.sort_unstable();
        let millis =
            |time: Option<&Duration>| time.copied().unwrap_or_default().as_secs_f64() * 1e3;
        println!(
            "| {name} | {} | {:.2} | {:.2} | {:.2} |",
            self.ends.len(),
            millis(self.ends.get(self.ends.len() / 2)),
            millis(self.ends.last()),
            millis(self.waits.last()),
        );
    }
}

fn start(trouble: Trouble) -> Result<Pipeline, StartError> {
    let settings = Settings {
        drop_deadline: LIMIT,
        ..Settings::default()
    };
    let builder = Pipeline::builder().settings(settings);
    builder.exporter(Troubled(trouble)).start()
}

fn table(rounds: usize) -> Result<(), StartError> {
    for name in ["stuck", "panics in export", "panics at the end"] {
        for end in End::ALL {
            let mut row = Row::default();
            for round in 0..rounds * Host::ALL.len() {
                let gate = Gate::default();
                let trail = start(match name {
                    "stuck" => {
                        gate.shut();
                        Trouble::Stuck(gate.clone())
                    }
                    "panics in export" => Trouble::PanicsOnExport,
                    _ => Trouble::PanicsAtTheEnd,
                })?;
                let host = Host::ALL[round % Host::ALL.len()];
                row.add(Overrun::of(LIMIT, || end.of(trail, host, LIMIT, false)));
                gate.open();
            }
            row.print(&format!("{name}, {end:?}"));
        }
    }
    Ok(())
}

fn main() -> Result<(), StartError> {
    let mut rounds = std::env::args().filter_map(|argument| argument.parse().ok());
    let rounds: usize = rounds.next().unwrap_or(25);
    // The panics are the exporters', by the hundred.
    std::panic::set_hook(Box::new(|_| {}));
    println!("| what, end | times | median ms | worst ms | worst wait ms |");
    println!("|---|---:|---:|---:|---:|");
    table(rounds)?;
    for overflow in [
        Overflow::DropNewest,
        Overflow::DropOldest,
        Overflow::Block(LIMIT * 100),
    ] {
        for stuck in Stuck::ALL {
            let mut row = Row::default();
            for _ in 0..rounds {
                row.add(Overrun::of(LIMIT, || stuck.shut_down(overflow, LIMIT)));
            }
            row.print(&format!("{stuck:?} stuck under load, {overflow:?}"));
        }
    }
    Ok(())
}
