//! What is wrong with a configuration.

use std::error::Error;
use std::fmt;

/// Where a setting was said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file.
    File {
        /// Its path, as it was given.
        path: String,
        /// The line, from 1; 0 where the whole file is meant.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// In an environment variable of that name.
    Environment(String),
    /// By the program itself.
    Code,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0, .. } => f.write_str(path),
            Self::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Code => f.write_str("code"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, without the value, which may be a secret.
    pub message: String,
    /// What to do, where that is known.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a configuration, in the order of its places; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    /// Gives back what was read where nothing is wrong.
    pub(super) fn unless_any(mut problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        Err(Self(problems))
    }

    /// Returns the problems.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {}

/// Says which of some names was meant, where one is near.
pub(super) fn did_you_mean<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let likeness = |name: &&str| strsim::jaro_winkler(given, name);
    let nearest = known
        .into_iter()
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(&nearest) > 0.8).then(|| format!("did you mean `{nearest}`?"))
}

/// Says which names there are, the likely one first.
pub(super) fn one_of(given: &str, known: &[&str]) -> String {
    did_you_mean(given, known.iter().copied())
        .unwrap_or_else(|| format!("known are {}", known.join(", ")))
}
