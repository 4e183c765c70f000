//! Tests of the fold on generated and recorded runs.

#[cfg(test)]
mod it {
    mod batches;
    mod golden;
    mod links;
    mod pairing;
    mod parents;
    mod process;
    mod process_groups;
    mod process_laws;
    mod process_redact;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
