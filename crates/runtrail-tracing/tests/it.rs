//! Tests of the layer.

#[cfg(test)]
mod it {
    mod asynchronous;
    mod feedback;
    mod mapping;
    mod parents;
    mod support;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
