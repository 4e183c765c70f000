//! Tests of configurations.

#[cfg(all(test, feature = "json"))]
mod it {
    mod errors;
    mod open;
    mod page;
    mod precedence;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
