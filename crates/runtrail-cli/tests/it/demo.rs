//! `runtrail demo`.

use super::support::Session;

#[test]
fn the_demo_shows_what_there_is() {
    let mut session = Session::new();
    session.tell(&["demo"]).check("demo");
}

#[test]
fn the_same_demo_again_writes_the_same_bytes() {
    let session = Session::new();
    session.answer(&["demo", "d"]);
    let first = session.files("d");
    session.answer(&["demo", "d"]);
    assert_eq!(session.files("d"), first);
    assert!(first.iter().any(|(path, _)| {
        path.extension()
            .is_some_and(|extension| extension == "parquet")
    }));
}

#[test]
fn the_whole_folder_is_a_source() {
    let session = Session::with_demo();
    assert_eq!(
        session.answer(&["runs", "runtrail-demo"]).lines().count(),
        4
    );
    assert!(
        session
            .answer(&["tree", "runtrail-demo", "7f3a"])
            .contains("ConnectionReset: peer closed")
    );
}

#[test]
fn the_trees_are_what_tree_prints() {
    let session = Session::with_demo();
    for (path, bytes) in session.files("runtrail-demo/trees") {
        let name = path.file_name().unwrap().to_string_lossy();
        let printed = session.answer(&[
            "tree",
            "runtrail-demo/archive",
            &name[..10],
            "--format",
            "json",
        ]);
        assert_eq!(printed.as_bytes(), bytes, "{name}");
    }
}

#[test]
fn what_the_demo_proposes_works() {
    let session = Session::with_demo();
    let shown = session.answer(&["demo"]);
    let proposed = shown.lines().filter_map(|line| {
        line.trim_start_matches("Try:")
            .trim()
            .strip_prefix("runtrail ")
    });
    let mut tried = 0;
    for line in proposed {
        let args: Vec<&str> = line.split(' ').collect();
        assert!(!session.answer(&args).is_empty(), "{line}");
        tried += 1;
    }
    assert_eq!(tried, 3);
}

#[test]
fn the_demo_leaves_other_folders_alone() {
    let mut session = Session::new();
    session.write("mine/notes.txt", "dear diary");
    session.write("file", "");
    session
        .tell(&["demo", "mine"])
        .tell(&["demo", "file"])
        .check("demo-refused");
    assert_eq!(session.files("mine").len(), 1);
}
