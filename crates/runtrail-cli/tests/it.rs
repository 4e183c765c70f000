//! Tests of the program, run as a user runs it.

#[cfg(test)]
mod it {
    mod about;
    mod cat;
    mod check;
    mod damage;
    mod demo;
    mod destinations;
    mod export;
    mod grow;
    mod interrupt;
    mod journal;
    mod lake;
    mod losses;
    mod missing_parts;
    mod not_compared;
    mod replay;
    mod runs;
    mod sources;
    mod spans;
    mod support;
    mod tree;
    mod triggers;
    mod verify;
    mod without_events;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
