//! Tests of the lake exporter.

#[cfg(test)]
mod it {
    mod conformance;
    mod destinations;
    mod determinism;
    mod links;
    mod read;
    mod rows;
    mod support;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
