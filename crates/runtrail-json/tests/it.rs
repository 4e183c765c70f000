//! Tests of the JSON exporters.

#[cfg(test)]
mod it {
    mod conformance;
    mod failure;
    mod golden;
    mod limits;
    mod lines;
    mod live;
    mod tree;
    mod wrapped;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
