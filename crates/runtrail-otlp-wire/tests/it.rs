//! Tests of the OTLP messages.

#[cfg(test)]
mod it {
    mod peers;
    mod reading;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
