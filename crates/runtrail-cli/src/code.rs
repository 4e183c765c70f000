//! What the program's exit says.

use std::process::ExitCode;

/// An exit code; the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Done, or the answer is yes.
    Done = 0,
    /// The answer is no: nothing was found.
    No = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Done, and some input was put in quarantine.
    Quarantined = 3,
    /// Something could not be read or written.
    Io = 4,
    /// Stopped by the user, with nothing left half done.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code as u8)
    }
}

/// The codes as `--help` shows them.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done, or the answer is yes
  1    the answer is no, such as a run that is not there
  2    the command line is wrong
  3    done, and some input was put in quarantine
  4    something could not be read or written
  130  interrupted; nothing is left half written";
