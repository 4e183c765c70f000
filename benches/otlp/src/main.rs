//! Measures mapping, encoding and sending of finished spans beside `opentelemetry-otlp`, in one process,
//! to a sink in another. Prints spans per second of CPU time and the ratio.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use runtrail_core::export::{SpanBatch, SpanExporter as _};
use runtrail_core::fold::Fold;
use runtrail_core::wire::WireReader;
use runtrail_otlp::{Compression, Otlp};
use rustix::time::{ClockId, clock_gettime};

const SPANS: usize = 100_000;
const RUNS: usize = 1_000;
const ROUNDS: usize = 5;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("sink") {
        return sink();
    }
    let own = std::env::current_exe().expect("this program");
    let mut sink = Command::new(own).arg("sink").stdout(Stdio::piped()).spawn().expect("a sink");
    let mut port = String::new();
    let stdout = sink.stdout.as_mut().expect("its output");
    BufReader::new(stdout).read_line(&mut port).expect("its port");
    let url = format!("http://127.0.0.1:{}", port.trim());
    for (name, gzip, same) in [
        ("uncompressed, theirs with 8 attributes", false, false),
        ("uncompressed, theirs with the same as ours", false, true),
        ("gzip, theirs with 8 attributes", true, false),
        ("gzip, theirs with the same as ours", true, true),
    ] {
        // Rounds take turns, so that what slows the machine down slows both.
        let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            ours = ours.min(run_ours(&url, gzip));
            theirs = theirs.min(run_theirs(&url, gzip, same));
        }
        let rate = |seconds: f64| SPANS as f64 / seconds / 1000.0;
        println!(
            "{name}: runtrail-otlp {:.0}k spans per CPU second, opentelemetry-otlp {:.0}k: ratio {:.2}",
            rate(ours),
            rate(theirs),
            theirs / ours
        );
    }
    sink.kill().expect("the sink runs");
    sink.wait().expect("the sink ends");
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Spans of ours have 13 attributes.
fn run_ours(url: &str, gzip: bool) -> f64 {
    let batches = our_batches();
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

fn our_batches() -> Vec<SpanBatch> {
    let mut reader = WireReader::default();
    let mut fold = Fold::default();
    (0..RUNS)
        .map(|run| {
            let mut spans = Vec::new();
            for op in 0..SPANS / RUNS {
                for (seq, kind) in [(2 * op, "op_start"), (2 * op + 1, "op_end")] {
                    let line = format!(
                        r#"{{"event_id":"{run}-{seq}","request_id":"run-{run}","kind":"{kind}","op_name":"main.op{}","ctx":["main"],"timestamp":"2026-11-21T01:00:00.{seq:06}Z","seq":{seq}}}"#,
                        op % 20
                    );
                    fold.push(&reader.read(&line.into()).expect("an event"), &mut spans);
                }
            }
            let summary = fold.finish_run(&format!("run-{run}"), &mut spans);
            SpanBatch::new(spans, summary.into_iter().collect::<Vec<_>>())
        })
        .collect()
}

fn run_theirs(url: &str, gzip: bool, same: bool) -> f64 {
    let batches = their_batches(same);
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
fn their_batches(same: bool) -> Vec<Vec<SpanData>> {
    let spans: Vec<usize> = (0..SPANS).collect();
    spans.chunks(512).map(|chunk| chunk.iter().map(|span| their_span(*span, same)).collect()).collect()
}

fn their_span(number: usize, same: bool) -> SpanData {
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
    if same {
        let ctx = Array::String(vec!["main".into()]);
        attributes.extend([
            KeyValue::new("runtrail.op.ctx", Value::Array(ctx)),
            KeyValue::new("runtrail.seq", (number % 200) as i64),
            KeyValue::new("runtrail.end_seq", (number % 200) as i64),
            KeyValue::new("runtrail.depth", 1_i64),
            KeyValue::new("openinference.span.kind", "CHAIN"),
        ]);
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
        events: SpanEvents::default(),
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
