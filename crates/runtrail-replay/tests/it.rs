//! Tests of replays.

#[cfg(test)]
mod it {
    mod canonical;
    mod laws;
    mod moments;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
