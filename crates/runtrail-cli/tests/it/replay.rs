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

#[test]
fn a_moment_without_an_offset_is_one_of_the_zone_that_is_said() {
    let session = Session::with_demo();
    let at = |more: &[&str]| {
        let args = [
            "replay",
            "runtrail-demo/archive",
            "7f3a",
            "--format",
            "json",
        ];
        session.run(&[&args, more].concat())
    };
    let silent = at(&["--at", "2026-11-20T03:12:06"]);
    assert_eq!(silent.code, 2, "{}", silent.stdout);
    assert!(silent.stderr.contains("--assume-tz"), "{}", silent.stderr);
    let plain = at(&["--at", "2026-11-20T03:12:06Z"]);
    for (time, zone) in [
        ("2026-11-20 03:12:06", "UTC"),
        ("2026-11-20T10:12:06", "+07:00"),
    ] {
        let said = at(&["--at", time, "--assume-tz", zone]);
        assert_eq!(
            (said.code, &said.stdout),
            (0, &plain.stdout),
            "{time} {zone}"
        );
    }
}

#[test]
fn a_moment_is_told_as_it_was_asked_for() {
    let session = Session::with_demo();
    for at in ["+1.0000005s", "+2.5s", "+100ms"] {
        let args = ["replay", "runtrail-demo/archive", "7f3a", "--at", at];
        let told = session.json(&[&args[..], &["--format", "json"]].concat());
        assert_eq!(told["at"], at);
        let text = session.answer(&args);
        assert!(
            text.lines().next().unwrap().ends_with(&format!("at {at}")),
            "{text}"
        );
    }
}
