//! Measures mapping, encoding and sending of finished spans beside `opentelemetry-otlp`, in one process,
//! to a sink in another. Prints spans per second of CPU time and the ratio.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use runtrail_core::export::{SpanBatch, SpanExporter as _};
use runtrail_core::fold::Fold;
use runtrail_core::text::Text;
use runtrail_core::wire::WireReader;
use runtrail_otlp::{Compression, Otlp};
use rustix::time::{ClockId, clock_gettime};

const SPANS: usize = 100_000;
const RUNS: usize = 1_000;
const ROUNDS: usize = 5;

/// What is sent by whom.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// Notes on each op of ours: each is an attribute and an event.
    notes: usize,
    /// Whether theirs have all that ours have, rather than 8 attributes and nothing else.
    same: bool,
}

/// Ops have 13 attributes that the mapping writes of itself.
const CASES: [Case; 4] = [
    Case { name: "ours 13 attributes, theirs 8", notes: 0, same: false },
    Case { name: "13 attributes", notes: 0, same: true },
    Case { name: "ours 21 attributes and 8 events, theirs 8 attributes", notes: 8, same: false },
    Case { name: "21 attributes and 8 events", notes: 8, same: true },
];

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    if what == "sink" {
        return sink();
    }
    let own = std::env::current_exe().expect("this program");
    let mut sink = Command::new(own).arg("sink").stdout(Stdio::piped()).spawn().expect("a sink");
    let mut port = String::new();
    let stdout = sink.stdout.as_mut().expect("its output");
    BufReader::new(stdout).read_line(&mut port).expect("its port");
    let url = format!("http://127.0.0.1:{}", port.trim());
    for case in CASES {
        for gzip in [false, true] {
            if what == "ours" {
                profile(case, &url, gzip);
            } else {
                compare(case, &url, gzip);
            }
        }
    }
    sink.kill().expect("the sink runs");
    sink.wait().expect("the sink ends");
}

fn title(case: Case, gzip: bool) -> String {
    format!("{}, {}", if gzip { "gzip" } else { "uncompressed" }, case.name)
}

fn compare(case: Case, url: &str, gzip: bool) {
    // Rounds take turns, so that what slows the machine down slows both.
    let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        ours = ours.min(run_ours(our_batches(case.notes), url, gzip));
        theirs = theirs.min(run_theirs(case, url, gzip));
    }
    let rate = |seconds: f64| SPANS as f64 / seconds / 1000.0;
    println!(
        "{}: runtrail-otlp {:.0}k spans per CPU second, opentelemetry-otlp {:.0}k: ratio {:.2}",
        title(case, gzip),
        rate(ours),
        rate(theirs),
        theirs / ours
    );
}

/// Sends the same spans again and again, so that a profiler sees nothing else.
fn profile(case: Case, url: &str, gzip: bool) {
    if case.same {
        return;
    }
    let batches = our_batches(case.notes);
    let took = (0..4 * ROUNDS).map(|_| run_ours(batches.clone(), url, gzip));
    println!("{}: {:.1} ms", title(case, gzip), 1e3 * took.fold(f64::INFINITY, f64::min));
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn run_ours(batches: Vec<SpanBatch>, url: &str, gzip: bool) -> f64 {
    let compression = if gzip { Compression::Gzip } else { Compression::None };
    let builder = Otlp::builder().variables([]).endpoint(url).compression(compression);
    let mut otlp = Box::new(builder.build().expect("settings"));
    let report = otlp.report();
    let started = cpu();
    for batch in batches {
        otlp.export(&batch).expect("delivery");
    }
    otlp.close(Instant::now() + Duration::from_secs(60)).expect("delivery");
    let took = cpu() - started;
    assert_eq!(report.read().accepted, (SPANS + RUNS) as u64);
    took
}

/// Finished spans as they come of an archive: the events of a run share a chunk.
fn our_batches(notes: usize) -> Vec<SpanBatch> {
    let mut reader = WireReader::default();
    let mut fold = Fold::default();
    (0..RUNS)
        .map(|run| {
            let chunk = Text::new(lines_of(run, notes));
            let mut spans = Vec::new();
            let mut start = 0;
            while let Some(length) = chunk[start..].find('\n') {
                let line = chunk.slice(start..start + length);
                fold.push(&reader.read(&line).expect("an event"), &mut spans);
                start += length + 1;
            }
            let summary = fold.finish_run(&format!("run-{run}"), &mut spans);
            SpanBatch::new(spans, summary.into_iter().collect::<Vec<_>>())
        })
        .collect()
}

fn lines_of(run: usize, notes: usize) -> String {
    let mut lines = String::new();
    let mut seq = 0;
    for op in 0..SPANS / RUNS {
        let mut line = |kind: &str, payload: &str| {
            lines += &format!(
                r#"{{"event_id":"{run}-{seq}","request_id":"run-{run}","kind":"{kind}","op_name":"main.op{}","ctx":["main"],"timestamp":"2026-11-21T01:00:00.{seq:06}Z","seq":{seq},"payload":{payload}}}"#,
                op % 20
            );
            lines.push('\n');
            seq += 1;
        };
        line("op_start", "{}");
        for note in 0..notes {
            line("annotation", &format!(r#"{{"key":"note{note}","value":"value {op}"}}"#));
        }
        line("op_end", "{}");
    }
    lines
}

fn run_theirs(case: Case, url: &str, gzip: bool) -> f64 {
    let batches = their_batches(case);
    let mut builder = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{url}/v1/traces"));
    if gzip {
        builder = builder.with_compression(opentelemetry_otlp::Compression::Gzip);
    }
    let exporter = builder.build().expect("settings");
    let started = cpu();
    for batch in batches {
        futures_executor::block_on(exporter.export(batch)).expect("delivery");
    }
    cpu() - started
}

/// In batches of the size that the SDK's processor makes.
fn their_batches(case: Case) -> Vec<Vec<SpanData>> {
    let spans: Vec<usize> = (0..SPANS).collect();
    spans.chunks(512).map(|chunk| chunk.iter().map(|span| their_span(*span, case)).collect()).collect()
}

fn their_span(number: usize, case: Case) -> SpanData {
    let trace = TraceId::from((number / 100 + 1) as u128);
    let context = SpanContext::new(
        trace,
        SpanId::from(number as u64 + 1),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    let start = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_222_800_000_000 + number as u64);
    let mut attributes = vec![
        KeyValue::new("runtrail.span.type", "op"),
        KeyValue::new("runtrail.run.id", format!("run-{}", number / 100)),
        KeyValue::new("runtrail.op.name", format!("main.op{}", number % 20)),
        KeyValue::new("runtrail.op.occurrence", (number % 5) as i64),
        KeyValue::new("runtrail.mapping.version", 1_i64),
        KeyValue::new("runtrail.parent.rule", "run"),
        KeyValue::new("runtrail.duration_ms", 0.001),
        KeyValue::new("runtrail.status", "ok"),
    ];
    let mut events = SpanEvents::default();
    if case.same {
        let ctx = Array::String(vec!["main".into()]);
        attributes.extend([
            KeyValue::new("runtrail.op.ctx", Value::Array(ctx)),
            KeyValue::new("runtrail.seq", (number % 200) as i64),
            KeyValue::new("runtrail.end_seq", (number % 200) as i64),
            KeyValue::new("runtrail.depth", 1_i64),
            KeyValue::new("openinference.span.kind", "CHAIN"),
        ]);
        for note in 0..case.notes {
            let value = format!("value {}", number % 100);
            attributes.push(KeyValue::new(format!("runtrail.annotation.note{note}"), value.clone()));
            let said = vec![
                KeyValue::new("runtrail.annotation.key", format!("note{note}")),
                KeyValue::new("runtrail.annotation.value", value),
            ];
            events.events.push(Event::new("runtrail.annotation", start, said, 0));
        }
    }
    SpanData {
        span_context: context,
        parent_span_id: SpanId::from(1),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: format!("main.op{}", number % 20).into(),
        start_time: start,
        end_time: start + Duration::from_micros(1),
        attributes,
        dropped_attributes_count: 0,
        events,
        links: SpanLinks::default(),
        status: Status::Ok,
        instrumentation_scope: InstrumentationScope::builder("runtrail").build(),
    }
}

/// Answers 200 to everything.
fn sink() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("an address").port());
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || drop(swallow(stream)));
    }
}

fn swallow(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(1 << 16, stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink())?;
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}
