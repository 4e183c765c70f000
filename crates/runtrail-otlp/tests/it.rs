//! Tests of the OTLP exporters.

#[cfg(test)]
mod it {
    #[cfg(feature = "sdk")]
    mod bridge;
    mod conformance;
    mod faults;
    mod golden;
    #[cfg(feature = "grpc")]
    mod grpc;
    mod hosts;
    mod json;
    mod letters;
    mod lines;
    mod live;
    mod matrix;
    mod memory;
    #[cfg(feature = "metrics")]
    mod metrics;
    mod rest;
    mod roundtrip;
    mod rows;
    mod settings;
    mod streams;
    mod support;
    mod tls;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
