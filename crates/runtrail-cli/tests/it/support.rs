//! Running the program in a folder of its own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use runtrail_testkit::golden::{assert_golden, engine_samples};
use serde_json::Value;
use tempfile::TempDir;

/// A folder, the program in it, and a transcript of what was asked and answered.
pub(crate) struct Session {
    folder: TempDir,
    transcript: String,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            transcript: String::new(),
        }
    }

    /// A session with the recorded archives of `tests/golden/engine` in a folder `engine`.
    pub(crate) fn with_engine() -> Self {
        let session = Self::new();
        for sample in engine_samples() {
            let folder = session.path("engine").join(&sample.scenario);
            fs::create_dir_all(&folder).unwrap();
            fs::copy(&sample.path, folder.join(format!("{}.json", sample.name))).unwrap();
        }
        session
    }

    /// A session with a demo in `runtrail-demo`.
    pub(crate) fn with_demo() -> Self {
        let session = Self::new();
        assert_eq!(session.run(&["demo"]).code, 0);
        session
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The program with surroundings that do not depend on the machine.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runtrail"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command.env_clear().envs([
            ("TZ", "UTC"),
            ("LC_ALL", "C.UTF-8"),
            ("NO_COLOR", "1"),
            ("COLUMNS", "100"),
        ]);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(&mut self.command(args))
    }

    /// Runs a command that must do what it is asked, and gives its answer.
    pub(crate) fn answer(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{args:?}: {}", ended.stderr);
        ended.stdout
    }

    /// Runs a command whose answer is one JSON value.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(args);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {ended:?}"))
    }

    /// Verifies that `lake` holds what `events.jsonl` does, and gives the report and how it ended.
    pub(crate) fn verify(&self, more: &[&str]) -> (Value, Ended) {
        let args = [
            "verify",
            "events.jsonl",
            "--lake",
            "lake",
            "--format",
            "json",
        ];
        let ended = self.run(&[&args, more].concat());
        let report =
            serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {ended:?}"));
        (report, ended)
    }

    /// Runs a command and notes it, its answer and its end.
    pub(crate) fn tell(&mut self, args: &[&str]) -> &mut Self {
        let mut command = self.command(args);
        self.tell_command(args, &mut command)
    }

    /// As [`Session::tell`], with other surroundings.
    pub(crate) fn tell_with(&mut self, env: &[(&str, &str)], args: &[&str]) -> &mut Self {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        let mut shown: Vec<String> = env
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        shown.push("runtrail".to_owned());
        let _ = write!(self.transcript, "$ {} ", shown.join(" "));
        self.note(args, &mut command)
    }

    fn tell_command(&mut self, args: &[&str], command: &mut Command) -> &mut Self {
        self.transcript.push_str("$ runtrail ");
        self.note(args, command)
    }

    fn note(&mut self, args: &[&str], command: &mut Command) -> &mut Self {
        let ended = ended(command);
        let _ = write!(self.transcript, "{}\n{}", args.join(" "), ended.stdout);
        for line in ended.stderr.lines() {
            let _ = writeln!(self.transcript, "! {line}");
        }
        if ended.code != 0 {
            let _ = writeln!(self.transcript, "[exit {}]", ended.code);
        }
        self.transcript.push('\n');
        self
    }

    /// Compares the transcript with a file beside these tests.
    pub(crate) fn check(&self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(format!("{name}.txt"));
        assert_golden(&path, &self.transcript);
    }

    /// The bytes of every file below a folder, by path.
    pub(crate) fn files(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.clone(), fs::read(path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// One line of an archive.
pub(crate) fn event(
    run: &str,
    seq: u64,
    kind: &str,
    op: Option<&str>,
    ctx: &[&str],
    payload: &Value,
) -> String {
    let (seconds, millis) = (seq / 1000, seq % 1000);
    let event = serde_json::json!({
        "event_id": format!("{run}-{seq}"),
        "request_id": run,
        "kind": kind,
        "op_name": op,
        "ctx": ctx,
        "timestamp": format!("2026-11-21T01:{:02}:{:02}.{millis:03}Z", seconds / 60, seconds % 60),
        "seq": seq,
        "payload": payload,
    });
    event.to_string()
}

/// The lines of an op that does nothing else.
pub(crate) fn op(run: &str, seq: u64, name: &str, ctx: &[&str], end: &Value) -> [String; 2] {
    [
        event(
            run,
            seq,
            "op_start",
            Some(name),
            ctx,
            &serde_json::json!({}),
        ),
        event(run, seq + 1, "op_end", Some(name), ctx, end),
    ]
}
