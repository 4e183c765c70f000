//! Ctrl-C.

#![cfg(unix)]

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::support::{Session, op};

#[test]
fn an_interrupted_export_leaves_nothing_half_written() {
    let session = Session::new();
    let mut command = session.command(&["export", "-", "--to", "lake"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let line = op(
        "r1",
        0,
        "a",
        &["main"],
        &json!({"outputs": "x".repeat(1000), "status": "ok"}),
    )
    .join("\n")
        + "\n";
    stdin.write_all(line.as_bytes()).unwrap();
    // The folders are made once the signal is listened for.
    let patience = Instant::now() + Duration::from_secs(60);
    while !session.path("lake/_runtrail/tmp").exists() {
        assert!(
            Instant::now() < patience && child.try_wait().unwrap().is_none(),
            "the export did not begin"
        );
        std::thread::yield_now();
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    // More than is read at once, so that the export comes to look; it may be gone before it took all.
    let _ = stdin.write_all(line.repeat(4000).as_bytes());
    drop(stdin);
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("error: interrupted; nothing is left half written"),
        "{stderr}"
    );
    assert!(!session.path("lake").exists(), "nothing came of it");
}
