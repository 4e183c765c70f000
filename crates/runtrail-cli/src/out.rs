//! The program's two outputs: the answer, and everything else.

use std::io::{self, BufWriter, Write};

use anstyle::{AnsiColor, Style};

use crate::code::Code;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Writes the answer to standard output and the rest to standard error.
///
/// A reader that went away (`runtrail cat … | head`) is no error: what follows is dropped, and
/// [`Out::is_closed`] lets a long answer stop early.
pub(crate) struct Out {
    /// What is written to.
    pub(crate) terminal: Terminal,
    stdout: BufWriter<Box<dyn Write>>,
    stderr: Box<dyn Write>,
    closed: bool,
}

impl Out {
    /// Writes to the process's own outputs.
    pub(crate) fn of_process(terminal: Terminal) -> Self {
        Self::new(terminal, Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// Writes to any two outputs.
    pub(crate) fn new(terminal: Terminal, stdout: Box<dyn Write>, stderr: Box<dyn Write>) -> Self {
        Self {
            terminal,
            stdout: BufWriter::with_capacity(1 << 16, stdout),
            stderr,
            closed: false,
        }
    }

    /// Writes a part of the answer.
    pub(crate) fn answer(&mut self, text: &str) -> Result<(), Failure> {
        self.write_all(text.as_bytes())
            .map_err(|error| stdout_failed(&error))
    }

    /// Hands on what has been written.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.flush().map_err(|error| stdout_failed(&error))
    }

    /// Whether nobody reads the answer any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Says something beside the answer.
    pub(crate) fn note(&mut self, text: &str) {
        // Where even standard error is gone there is nobody to tell.
        let _ = self.stderr.write_all(text.as_bytes());
    }

    /// Says that something is not as it should be.
    pub(crate) fn warn(&mut self, text: &str) {
        self.labelled("warning", AnsiColor::Yellow, text);
    }

    /// Says why the command stops.
    pub(crate) fn error(&mut self, text: &str) {
        self.labelled("error", AnsiColor::Red, text);
    }

    fn labelled(&mut self, label: &str, colour: AnsiColor, text: &str) {
        let style = if self.terminal.err_colour {
            Style::new().bold().fg_color(Some(colour.into()))
        } else {
            Style::new()
        };
        self.note(&format!("{style}{label}:{style:#} {text}"));
    }

    fn attempt(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Box<dyn Write>>) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let written = write(&mut self.stdout);
        self.closed = written.is_err();
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// Says that the answer could not be written.
pub(crate) fn stdout_failed(error: &io::Error) -> Failure {
    Failure::new(Code::Io, "cannot write to standard output").because(error)
}

/// Writes parts of the answer that come as bytes.
impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|stdout| stdout.write_all(bytes))
            .map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(BufWriter::flush)
    }
}
