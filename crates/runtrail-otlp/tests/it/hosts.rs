//! It makes no difference which runtime the program has, or whether it has one.

use runtrail_testkit::otlp::{Receiver, Reply};

use super::support::{ended, export, run_of, to};

fn check() {
    let receiver = Receiver::http(|_| Reply::Take);
    let otlp = to(&receiver.url()).build().unwrap();
    let (error, counts) = export(otlp, &[ended(run_of("r", 3, 1))]);
    assert!(error.is_none() && counts.accepted == 4);
    #[cfg(feature = "grpc")]
    {
        let receiver = Receiver::grpc(|_| Reply::Take);
        let otlp = to(&receiver.url())
            .protocol(runtrail_otlp::Protocol::Grpc)
            .build()
            .unwrap();
        let (error, counts) = export(otlp, &[ended(run_of("r", 3, 1))]);
        assert!(error.is_none() && counts.accepted == 4);
    }
}

#[test]
fn without_a_runtime() {
    check();
}

#[test]
fn inside_a_runtime_of_one_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { check() });
}
