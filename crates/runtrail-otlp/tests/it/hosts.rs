//! The host is safe: on every runtime, however the pipeline ends, whatever the server does.

use std::time::Duration;

use runtrail_core::pipeline::{Pipeline, Settings};
use runtrail_otlp::{Otlp, Protocol};
use runtrail_testkit::host::{End, Host, assert_in_time};
use runtrail_testkit::otlp::Reply;

use super::support::{protocols, receiver};

/// What a shutdown may take where the server hangs or refuses.
const SHORT: Duration = Duration::from_millis(60);
/// What it may take where all is to arrive: the machine that runs this may be busy.
const LONG: Duration = Duration::from_secs(30);

fn check(host: Host, end: End, protocol: Protocol, reply: &Reply) {
    let what = format!("{host:?} {end:?} {protocol:?} {reply:?}");
    if *reply == Reply::Take {
        assert!(take(host, end, protocol, reply, LONG) < LONG, "{what}");
    } else {
        assert_in_time(&what, SHORT, || take(host, end, protocol, reply, SHORT));
    }
}

/// Ends a pipeline that sends to a server which answers so; returns how long that took.
fn take(host: Host, end: End, protocol: Protocol, reply: &Reply, limit: Duration) -> Duration {
    let is_healthy = *reply == Reply::Take;
    let answer = reply.clone();
    let receiver = receiver(protocol, None, move |_| answer.clone());
    // Attempts of ten seconds and deadlines of minutes, as in a program that sets nothing.
    let otlp = Otlp::builder()
        .variables([])
        .endpoint(receiver.url())
        .protocol(protocol);
    let settings = Settings {
        drop_deadline: limit,
        ..Settings::default()
    };
    let builder = Pipeline::builder().settings(settings);
    let exporter = otlp.build().unwrap().into_exporter();
    let trail = builder.exporter(exporter).start().unwrap();
    let took = end.of(trail, host, limit, is_healthy);
    if is_healthy {
        // The run, the group and the op; a second run of as many where the host panicked.
        let runs = if end == End::PanicWithGuard { 2 } else { 1 };
        assert_eq!(receiver.look(|store| store.spans.len()), 3 * runs);
    }
    took
}

fn check_all(host: Host) {
    for end in End::ALL {
        for protocol in protocols() {
            for reply in [Reply::Take, Reply::Hang, Reply::Status(400)] {
                check(host, end, protocol, &reply);
            }
        }
    }
}

#[test]
fn without_a_runtime() {
    check_all(Host::ALL[0]);
}

#[test]
fn in_a_current_thread_runtime() {
    check_all(Host::ALL[1]);
}

#[test]
fn in_a_multi_thread_runtime_with_one_worker() {
    check_all(Host::ALL[2]);
}

#[test]
fn in_a_multi_thread_runtime_with_four_workers() {
    check_all(Host::ALL[3]);
}

#[test]
fn an_exporter_may_be_made_and_dropped_inside_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for protocol in protocols() {
            let otlp = Otlp::builder().variables([]).protocol(protocol);
            drop(otlp.build().unwrap());
        }
        #[cfg(feature = "sdk")]
        {
            let exporter = opentelemetry_otlp::SpanExporter::builder().with_http();
            let mapping = runtrail_otlp::map::MapSettings::default();
            drop(runtrail_otlp::SdkBridge::new(exporter.build().unwrap(), mapping).unwrap());
        }
    });
}
