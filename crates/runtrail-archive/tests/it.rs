//! Tests of the archive reader on real files.

#[cfg(test)]
mod it {
    mod bad_input;
    mod compressed;
    mod limits;
    mod property;
    mod quarantine;
    mod shapes;
    mod sorting;
    mod sources;
    #[cfg(feature = "otlp")]
    mod spans;
    mod support;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
