//! `runtrail replay`.

use super::support::Session;

const AT: [&str; 4] = ["end", "+1s", "seq:5", "2026-11-20T03:12:06Z"];

#[test]
fn archive_and_lake_tell_the_same_of_every_moment() {
    let session = Session::with_demo();
    for run in ["7f3a", "2b81", "c04e"] {
        for at in AT {
            let of = |source: &str| {
                session.answer(&["replay", source, run, "--at", at, "--format", "json"])
            };
            assert_eq!(
                of("runtrail-demo/archive"),
                of("runtrail-demo/lake"),
                "{run} {at}"
            );
        }
    }
}

#[test]
fn the_end_is_what_the_tree_says() {
    let session = Session::with_demo();
    for run in ["7f3a", "2b81", "c04e"] {
        let tree = session.json(&["tree", "runtrail-demo/lake", run, "--format", "json"]);
        let end = session.json(&["replay", "runtrail-demo/lake", run, "--format", "json"]);
        let shown = &end["projections"]["run"];
        let tree = &tree["totals"];
        for key in ["events", "ops", "errors", "groups"] {
            assert_eq!(shown[key], tree[key], "{run} {key}");
        }
        assert!(
            end["checksum"]
                .as_str()
                .unwrap()
                .starts_with("sha256-jcs-1:")
        );
    }
}

#[test]
fn moments_are_told_in_words_and_as_markdown() {
    let mut session = Session::with_demo();
    let source = "runtrail-demo/archive";
    session
        .tell(&["replay", source, "7f3a", "--utc"])
        .tell(&["replay", source, "7f3a", "--utc", "--at", "+2.5s"])
        .tell(&[
            "replay",
            source,
            "7f3a",
            "--utc",
            "--at",
            "2020-01-01T00:00:00Z",
        ])
        .tell(&[
            "replay",
            source,
            "7f3a",
            "--utc",
            "--at",
            "seq:3",
            "--projection",
            "usage,groups",
        ])
        .tell(&[
            "replay",
            source,
            "7f3a",
            "--utc",
            "--at",
            "seq:3",
            "--projection",
            "usage",
            "--format",
            "markdown",
        ])
        .tell(&["replay", source, "7f3a", "--at", "event:nothing"])
        .tell(&["replay", source, "nobody"])
        .tell(&["replay", source, "7f3a", "--at", "soon"])
        .check("replay");
}
