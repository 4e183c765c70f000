//! Tests of the stores, the records, and what is made of them.

#[cfg(test)]
mod it {
    mod chain;
    mod contract;
    mod monitor;
    mod processes;
    mod records;
    mod sqlite;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
