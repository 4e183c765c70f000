//! What the program says of itself.

use super::support::Session;

const COMMANDS: [&str; 12] = [
    "journal",
    "replay",
    "verify",
    "triggers",
    "demo",
    "export",
    "runs",
    "tree",
    "cat",
    "check",
    "completions",
    "man",
];

#[test]
fn help_has_examples_and_exit_codes() {
    let mut session = Session::new();
    session
        .tell(&["--help"])
        .tell(&["tree", "--help"])
        .tell(&["export", "-h"])
        .check("help");
    for command in COMMANDS {
        let help = session.answer(&[command, "--help"]);
        assert!(
            help.contains("130  interrupted") && help.contains("Examples:"),
            "{command}: {help}"
        );
        assert_eq!(session.answer(&["help", command]), help);
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let mut session = Session::new();
    session
        .tell(&[])
        .tell(&["exprot"])
        .tell(&["runs"])
        .tell(&["runs", "x", "--sort", "size"])
        .tell(&["tree", "x", "--min", "fast"])
        .tell(&["cat", "x", "--max-depth", "4096"])
        .check("usage");
}

#[test]
fn completions_and_manual_pages_are_written() {
    let session = Session::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            session
                .answer(&["completions", shell])
                .contains("on-bad-line"),
            "{shell}"
        );
    }
    assert!(session.answer(&["man"]).starts_with(".ie"));
    let written = session.answer(&["man", "--dir", "man1"]);
    assert_eq!(written.lines().count(), COMMANDS.len() + 1);
    for line in written.lines() {
        let page = std::fs::read_to_string(session.path(line)).unwrap();
        assert!(page.contains("Exit codes:"), "{line}");
    }
    assert!(session.answer(&["--version"]).starts_with("runtrail 0."));
}
