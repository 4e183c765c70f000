//! Tests of configurations.

#[cfg(test)]
mod it {
    #[cfg(feature = "json")]
    mod errors;
    mod fork;
    #[cfg(feature = "parquet")]
    mod journal;
    #[cfg(feature = "json")]
    mod open;
    #[cfg(feature = "json")]
    mod page;
    #[cfg(feature = "json")]
    mod precedence;
    #[cfg(feature = "json")]
    mod start;
    #[cfg(all(feature = "json", feature = "parquet"))]
    mod truncation;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
