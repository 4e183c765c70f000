//! States and lines as characters: by shape as well as by colour, and in ASCII where need be.

use anstyle::{AnsiColor, Style};
use runtrail_core::event::Status;
use runtrail_core::span::{MissingEnd, SpanRecord};

/// How something stands, as people are shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum State {
    /// It did what it was asked.
    Ok,
    /// It failed.
    Error,
    /// It was stopped before it was done.
    Cancelled,
    /// It was closed unfinished, because the stream ended.
    Truncated,
    /// Its end is not in the stream.
    Open,
}

impl State {
    /// Tells an op's or a group's state.
    pub(crate) fn of_span(span: &SpanRecord) -> Self {
        match span.missing {
            Some(MissingEnd::End) => Self::Open,
            _ => span.status.into(),
        }
    }

    /// Returns the state's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Truncated => "truncated",
            Self::Open => "open",
        }
    }
}

impl From<Status> for State {
    fn from(status: Status) -> Self {
        match status {
            Status::Ok => Self::Ok,
            Status::Error => Self::Error,
            Status::Cancelled => Self::Cancelled,
            Status::Truncated => Self::Truncated,
        }
    }
}

/// The characters and colours of one output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glyphs {
    unicode: bool,
    colour: bool,
}

impl Glyphs {
    /// Chooses characters and colours.
    pub(crate) fn new(unicode: bool, colour: bool) -> Self {
        Self { unicode, colour }
    }

    /// Returns the shape of a state, one column wide.
    pub(crate) fn shape(self, state: State) -> &'static str {
        match (state, self.unicode) {
            (State::Ok, true) => "✓",
            (State::Error, true) => "✗",
            (State::Cancelled, true) => "⊘",
            (State::Truncated, true) => "✂",
            (State::Open, true) => "…",
            (State::Ok, false) => "+",
            (State::Error, false) => "x",
            (State::Cancelled, false) => "o",
            (State::Truncated, false) => "%",
            (State::Open, false) => "~",
        }
    }

    /// Colours a text as its state is coloured.
    pub(crate) fn paint(self, state: State, text: &str) -> String {
        let colour = match state {
            State::Ok => AnsiColor::Green,
            State::Error => AnsiColor::Red,
            State::Cancelled => AnsiColor::Magenta,
            State::Truncated => AnsiColor::Yellow,
            State::Open => AnsiColor::Cyan,
        };
        self.styled(Style::new().fg_color(Some(colour.into())), text)
    }

    /// Makes a text stand out.
    pub(crate) fn bold(self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    /// Makes a text stand back.
    pub(crate) fn dim(self, text: &str) -> String {
        self.styled(Style::new().dimmed(), text)
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Returns what marks a cut in a text.
    pub(crate) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Returns what stands for a figure that is not known.
    pub(crate) fn unknown(self) -> &'static str {
        if self.unicode { "—" } else { "-" }
    }

    /// Returns the sign between a name and how often it stands there.
    pub(crate) fn times(self) -> &'static str {
        if self.unicode { "×" } else { "x" }
    }

    /// Returns what separates figures on one line.
    pub(crate) fn dot(self) -> &'static str {
        if self.unicode { "·" } else { "|" }
    }

    /// Returns the arrow between what went in and what came out.
    pub(crate) fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    /// Returns the line that leads to a child.
    pub(crate) fn branch(self, last: bool) -> &'static str {
        match (last, self.unicode) {
            (false, true) => "├─ ",
            (true, true) => "└─ ",
            (false, false) => "|- ",
            (true, false) => "`- ",
        }
    }

    /// Returns the line beside what is below a child.
    pub(crate) fn trunk(self, last: bool) -> &'static str {
        match (last, self.unicode) {
            (false, true) => "│  ",
            (false, false) => "|  ",
            (true, _) => "   ",
        }
    }
}
