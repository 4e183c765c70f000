//! What is known of how a run, an op or a group goes.

use runtrail_core::event;
use serde::{Deserialize, Serialize};

/// How something goes or went.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing was heard of it.
    #[default]
    Unknown,
    /// It began and has not ended.
    Running,
    /// It did what it was asked.
    Completed,
    /// It failed.
    Failed,
    /// It was stopped before it was done.
    Cancelled,
    /// The stream ended while it was open.
    Truncated,
}

impl Status {
    /// Whether it has ended.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Unknown | Self::Running)
    }

    /// Returns its name, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Truncated => "truncated",
        }
    }
}

impl From<event::Status> for Status {
    fn from(status: event::Status) -> Self {
        match status {
            event::Status::Ok => Self::Completed,
            event::Status::Error => Self::Failed,
            event::Status::Cancelled => Self::Cancelled,
            event::Status::Truncated => Self::Truncated,
        }
    }
}

/// A status that came after another one that was terminal, and differs from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The status that holds.
    pub kept: Status,
    /// The one that came too late.
    pub refused: Status,
}

/// Goes from unknown over running to the first terminal status, and stays there.
///
/// ```
/// use runtrail_replay::{Status, StatusMachine};
///
/// let mut machine = StatusMachine::default();
/// machine.observe(Status::Running);
/// machine.observe(Status::Completed);
/// machine.observe(Status::Failed);
/// assert_eq!(machine.status(), Status::Completed);
/// assert_eq!(machine.conflict().map(|conflict| conflict.refused), Some(Status::Failed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StatusMachine {
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conflict: Option<Conflict>,
}

impl StatusMachine {
    /// Takes note of a status. Nothing leads back from a terminal one; the first other terminal status
    /// that comes afterwards is kept as a conflict.
    pub fn observe(&mut self, next: Status) {
        if !self.status.is_terminal() {
            self.status = self.status.max(next);
        } else if next.is_terminal() && next != self.status {
            self.conflict.get_or_insert(Conflict {
                kept: self.status,
                refused: next,
            });
        }
    }

    /// Returns the status.
    pub fn status(self) -> Status {
        self.status
    }

    /// Returns the first terminal status that came too late, where one did.
    pub fn conflict(self) -> Option<Conflict> {
        self.conflict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transition_is_as_the_table_says() {
        use Status::{Cancelled, Completed, Failed, Running, Truncated, Unknown};
        let all = [Unknown, Running, Completed, Failed, Cancelled, Truncated];
        for first in all {
            for second in all {
                let mut machine = StatusMachine::default();
                machine.observe(first);
                machine.observe(second);
                let sticky = first.is_terminal();
                let wanted = if sticky || second == Unknown {
                    first
                } else {
                    second
                };
                assert_eq!(machine.status(), wanted, "{first:?} {second:?}");
                let conflicts = sticky && second.is_terminal() && first != second;
                assert_eq!(
                    machine.conflict().is_some(),
                    conflicts,
                    "{first:?} {second:?}"
                );
            }
        }
    }
}
