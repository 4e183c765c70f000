//! What an export can say of itself.

mod kinds;

use serde::Serialize;
use serde_json::value::RawValue;

pub use kinds::{
    ChunkCompleted, ChunkFailed, ChunkStarted, Dropped, FileWritten, ParallelismAdjusted,
    PlanResolved, PlanWarning, QualityIssue, ReconciliationResult, RetryAttempted, RunCompleted,
    RunStatus, SchemaChanged, Severity, Snapshot, TypeChange, ValidationResult, Warning,
};

/// The part of an export that an entry speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// What was to be done.
    Planned,
    /// What was done.
    Happened,
    /// What was worse than planned.
    Degraded,
    /// What was checked.
    Succeeded,
    /// How it ended.
    Outcome,
}

/// Makes the enum, and one table of names and phases for all that is done with them.
macro_rules! entries {
    ($($(#[$doc:meta])+ $name:literal: $kind:ident, $phase:ident;)+) => {
        /// One thing that an export says of itself.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "entry")]
        #[non_exhaustive]
        pub enum Entry {
            $($(#[$doc])+ #[serde(rename = $name)] $kind($kind),)+
            /// What this version does not know. It is read, and never written.
            #[serde(skip)]
            Other(OtherEntry),
        }

        impl Entry {
            /// Returns the entry's name, such as `file_written`.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$kind(_) => $name,)+
                    Self::Other(other) => other.name(),
                }
            }

            /// Returns what the entry speaks of; `None` where this version does not know it.
            pub fn phase(&self) -> Option<Phase> {
                match self {
                    $(Self::$kind(_) => Some(Phase::$phase),)+
                    Self::Other(_) => None,
                }
            }

            /// Reads the entry of a line; what is not as this version knows it is another's.
            pub(crate) fn read(name: &str, line: &str) -> Option<Self> {
                let known = match name {
                    $($name => serde_json::from_str(line).ok().map(Self::$kind),)+
                    _ => None,
                };
                known.or_else(|| OtherEntry::read(name, line).map(Self::Other))
            }
        }

        $(impl From<$kind> for Entry {
            fn from(entry: $kind) -> Self {
                Self::$kind(entry)
            }
        })+
    };
}

entries! {
    /// Planned: what was to be done.
    "plan_resolved": PlanResolved, Planned;
    /// Planned: something about the plan that may not be as intended.
    "plan_warning": PlanWarning, Planned;
    /// Happened: a file is there, whole.
    "file_written": FileWritten, Happened;
    /// Happened: an attempt at a chunk began.
    "chunk_started": ChunkStarted, Happened;
    /// Happened: an attempt at a chunk did it. Durable.
    "chunk_completed": ChunkCompleted, Happened;
    /// Happened: an attempt at a chunk failed.
    "chunk_failed": ChunkFailed, Happened;
    /// Happened: something was tried again.
    "retry_attempted": RetryAttempted, Happened;
    /// Degraded: something about the data.
    "quality_issue": QualityIssue, Degraded;
    /// Degraded: columns are not those of before.
    "schema_changed": SchemaChanged, Degraded;
    /// Degraded: something to know.
    "warning": Warning, Degraded;
    /// Degraded: less or more was done at once than planned.
    "parallelism_adjusted": ParallelismAdjusted, Degraded;
    /// Degraded: events were left out.
    "dropped": Dropped, Degraded;
    /// Succeeded: what a check of the result found.
    "validation_result": ValidationResult, Succeeded;
    /// Succeeded: whether what came in went out.
    "reconciliation_result": ReconciliationResult, Succeeded;
    /// Outcome: how the export ended. Durable.
    "run_completed": RunCompleted, Outcome;
}

impl Entry {
    /// Whether the entry is to survive a power cut as soon as it is recorded.
    pub(crate) fn is_durable(&self) -> bool {
        matches!(self, Self::ChunkCompleted(_) | Self::RunCompleted(_))
    }
}

/// A line that this version does not know, kept as it is.
#[derive(Debug, Clone)]
pub struct OtherEntry {
    name: String,
    line: Box<RawValue>,
}

impl OtherEntry {
    fn read(name: &str, line: &str) -> Option<Self> {
        Some(Self {
            name: name.to_owned(),
            line: RawValue::from_string(line.to_owned()).ok()?,
        })
    }

    /// Returns the entry's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole line, a JSON object.
    pub fn as_json(&self) -> &str {
        self.line.get()
    }

    pub(crate) fn raw(&self) -> &RawValue {
        &self.line
    }
}

impl PartialEq for OtherEntry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.as_json() == other.as_json()
    }
}
