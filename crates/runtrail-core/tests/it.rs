//! Tests of the fold on generated and recorded runs, and of the pipeline.

#[cfg(test)]
mod it {
    mod accounting;
    mod batches;
    mod fork;
    mod golden;
    mod host;
    mod links;
    mod live;
    mod live_process;
    mod media;
    mod memory;
    mod pairing;
    mod parents;
    mod process;
    mod process_groups;
    mod process_laws;
    mod process_redact;
    mod queues;
    mod room;
    mod saved;
    mod schedules;
    mod slow;
    mod worker;
}

#[test]
fn no_file_of_this_folder_is_forgotten() {
    runtrail_testkit::golden::assert_all_declared(
        env!("CARGO_MANIFEST_DIR"),
        include_str!("it.rs"),
    );
}
