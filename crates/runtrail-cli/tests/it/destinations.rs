//! Destinations that cannot be, and those that run full.

use std::path::Path;
use std::process::Command;

use super::support::{Session, ended};

#[test]
fn a_destination_that_cannot_be_is_refused() {
    let mut session = Session::with_demo();
    session.write("file", "mine");
    let archive = "runtrail-demo/archive";
    session.write(
        "own/events.jsonl",
        std::fs::read(session.path("runtrail-demo/archive/req_2b81d0.jsonl")).unwrap(),
    );
    for to in [
        &["file"][..],
        &["file/lake"],
        &["file/lake", "--exporter", "json"],
        &["lake.parquet"],
        &["events.jsonl", "--exporter", "jsonl"],
        &["trees.json", "--exporter", "json"],
        &["s3://bucket/lake"],
        &["runtrail-demo/lake/events/x"],
        &["runtrail-demo/archive/lake"],
        &["lake", "--memory", "1MiB", "--zstd"],
        &["lake", "--memory", "lots"],
        &["lake", "--tables", "events,op"],
    ] {
        session.tell(&[&["export", archive, "--to"], to].concat());
    }
    session.tell(&[
        "export",
        "own/events.jsonl",
        "--to",
        "own",
        "--exporter",
        "jsonl",
    ]);
    session.check("destinations");
    assert_eq!(
        std::fs::read_to_string(session.path("file")).unwrap(),
        "mine"
    );
    assert!(!session.path("lake").exists());
}

#[test]
fn what_is_asked_of_a_lake_alone_is_refused_elsewhere() {
    let session = Session::with_demo();
    let args = [
        "export",
        "runtrail-demo/archive",
        "--to",
        "trees",
        "--exporter",
        "json",
    ];
    for (more, option) in [
        (&["--tables", "ops"][..], "--tables"),
        (&["--partition", "none"], "--partition"),
        (&["--replace"], "--replace"),
        (&["--open-runs", "carry"], "--open-runs carry"),
    ] {
        let ended = session.run(&[&args, more].concat());
        assert_eq!(ended.code, 2, "{option}");
        let said = format!("error: {option} says nothing about what json writes");
        assert!(ended.stderr.starts_with(&said), "{}", ended.stderr);
    }
    session.answer(&[&args[..], &["--open-runs", "truncate"]].concat());
}

/// A file system of a few kilobytes, where that can be had.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32k", "tmpfs"])
            .arg(at)
            .output();
        mount
            .is_ok_and(|output| output.status.success())
            .then_some(Self(at))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}

#[test]
fn a_full_disk_is_said_and_can_be_mended() {
    let session = Session::with_engine();
    let at = session.path("small");
    for (exporter, to) in [
        ("parquet", "small/lake"),
        ("json", "small/trees"),
        ("json", "small/t.jsonl"),
        ("jsonl", "small/lines"),
    ] {
        let Some(small) = Small::mount(&at) else {
            println!("skipped: mounting a small file system needs to be allowed");
            return;
        };
        let args = ["export", "engine", "--to", to, "--exporter", exporter];
        let full = session.run(&args);
        assert_eq!(
            (full.code, full.stdout.as_str()),
            (4, ""),
            "{exporter}: {}",
            full.stderr
        );
        assert!(
            full.stderr.starts_with("error: cannot ") && full.stderr.contains("No space left"),
            "{}",
            full.stderr
        );
        assert!(
            full.stderr.contains("try: make room there"),
            "{}",
            full.stderr
        );
        let larger = ended(
            Command::new("mount")
                .args(["-o", "remount,size=16m"])
                .arg(&at),
        );
        assert_eq!(larger.code, 0, "{}", larger.stderr);
        assert_eq!(session.run(&args).code, 3, "{exporter}");
        drop(small);
    }
}
