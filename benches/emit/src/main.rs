//! Records with one library and prints what it cost, as one JSON object.
//!
//! ```text
//! runtrail-bench-emit CASE [--bursts N] [--burst N] [--pause MICROS]
//! ```
//!
//! Every record has three attributes: a string of 64 bytes, an integer and a short string. Bursts
//! are paced so that nothing is dropped; `--pause 0` saturates.

mod cases;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn number(arguments: &[String], name: &str, default: u64) -> u64 {
    let at = arguments.iter().position(|argument| argument == name);
    let value = at.and_then(|at| arguments.get(at + 1));
    value.map_or(default, |value| value.parse().expect("a number"))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(mut case) = arguments.first().and_then(|name| cases::find(name)) else {
        println!("{}", cases::NAMES.join("\n"));
        return;
    };
    let bursts = number(&arguments, "--bursts", 400);
    let burst = number(&arguments, "--burst", 500);
    let pause = Duration::from_micros(number(&arguments, "--pause", 2500));
    // Warm: rings, buffers and calibrated clocks exist before anything is counted.
    for _ in 0..10 {
        case.burst(burst);
        std::thread::sleep(pause);
    }
    std::thread::sleep(Duration::from_millis(100));
    let (began, process) = (std::time::Instant::now(), nanos(ClockId::ProcessCPUTime));
    let mut producer = 0;
    for _ in 0..bursts {
        let before = nanos(ClockId::ThreadCPUTime);
        case.burst(burst);
        producer += nanos(ClockId::ThreadCPUTime) - before;
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    let delivered = case.finish();
    let process = nanos(ClockId::ProcessCPUTime) - process;
    let seconds = began.elapsed().as_secs_f64();
    let records = bursts * burst;
    let sent = (bursts + 10) * burst;
    println!(
        "{}",
        serde_json::json!({
            "case": arguments[0],
            "producer_ns": producer as f64 / records as f64,
            "process_ns": process as f64 / records as f64,
            "sent": sent,
            "delivered": delivered,
            "seconds": seconds,
        })
    );
}
