//! Tests of journals.

#[cfg(test)]
mod it {
    mod lines;
    mod query;
    mod support;
    mod writer;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
