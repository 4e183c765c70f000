//! Tests of media stores.

#[cfg(test)]
mod it {
    #[cfg(feature = "object_store")]
    mod bucket;
    mod folder;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
