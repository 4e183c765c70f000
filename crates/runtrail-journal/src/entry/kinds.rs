//! The kinds of entries, and what each says.
//!
//! Fields are only ever added, with a default, so that every version reads what every other wrote.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Bytes of a message that are written; a journal is not the place for a whole answer of a server.
const MAX_MESSAGE: usize = 8 << 10;

/// A plan as JSON text, kept as it was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(Box<RawValue>);

impl Snapshot {
    /// Puts a plan as JSON. It must not hold secrets.
    pub fn of(plan: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(plan).map(Self)
    }

    /// Returns the JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

/// What was to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanResolved {
    /// The plan: sources, destination and settings, whatever the exporter finds worth keeping.
    pub snapshot: Snapshot,
}

/// Something about the plan that may not be as intended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanWarning {
    /// What.
    #[serde(serialize_with = "short")]
    pub message: String,
}

/// A file is there, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileWritten {
    /// Its path, within the destination where it is there.
    pub file: String,
    /// Its rows or records.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Which part of the whole it is, such as a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

impl FileWritten {
    /// Says that a file of so many rows and bytes is there.
    pub fn new(file: impl Into<String>, rows: u64, bytes: u64) -> Self {
        Self {
            file: file.into(),
            rows,
            bytes,
            part: None,
        }
    }

    /// Says which part of the whole it is.
    pub fn part(mut self, part: impl Into<String>) -> Self {
        self.part = Some(part.into());
        self
    }
}

/// An attempt at a chunk began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkStarted {
    /// What names the chunk within the export, such as a source and a range of it.
    pub chunk: String,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// An attempt at a chunk did it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkCompleted {
    /// The chunk.
    pub chunk: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The events or spans in it.
    #[serde(default)]
    pub rows: u64,
}

/// An attempt at a chunk failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkFailed {
    /// The chunk.
    pub chunk: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Why.
    #[serde(serialize_with = "short")]
    pub error: String,
}

/// Something was tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryAttempted {
    /// What, such as a chunk.
    pub what: String,
    /// The attempt that follows: 2 for the first repeat.
    pub attempt: u32,
    /// How long was waited before it.
    #[serde(rename = "delay_us", with = "micros")]
    pub delay: Duration,
    /// Why the attempt before it failed.
    #[serde(serialize_with = "short")]
    pub reason: String,
}

/// How much an issue matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something may be wrong.
    Warning,
    /// Something is wrong.
    Error,
}

/// Something about the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityIssue {
    /// How much it matters.
    pub severity: Severity,
    /// What.
    #[serde(serialize_with = "short")]
    pub message: String,
    /// How many events or lines have it.
    #[serde(default)]
    pub count: u64,
}

/// Columns are not those of before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SchemaChanged {
    /// The table.
    pub table: String,
    /// Columns that are new.
    #[serde(default)]
    pub added: Vec<String>,
    /// Columns that are gone.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Columns that have another type.
    #[serde(default)]
    pub type_changed: Vec<TypeChange>,
}

/// A column that has another type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeChange {
    /// The column.
    pub column: String,
    /// Its type before.
    pub from: String,
    /// Its type now.
    pub to: String,
}

/// Something to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// What.
    #[serde(serialize_with = "short")]
    pub message: String,
}

impl Warning {
    /// Says what there is to know.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// Less or more was done at once than planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParallelismAdjusted {
    /// What was done at once before.
    pub from: u32,
    /// What is done at once from here.
    pub to: u32,
    /// Why.
    #[serde(serialize_with = "short")]
    pub reason: String,
}

/// Events were left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    /// Why, in a word, such as `sampled_out`.
    pub cause: String,
    /// How many events.
    pub count: u64,
}

impl Dropped {
    /// Says that so many events were left out.
    pub fn new(cause: impl Into<String>, count: u64) -> Self {
        Self {
            cause: cause.into(),
            count,
        }
    }
}

/// What a check of the result found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidationResult {
    /// What was checked.
    pub check: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was found, where it does not.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "short_if_any"
    )]
    pub detail: Option<String>,
}

/// Whether what came in went out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciliationResult {
    /// What was to come: events or lines of the sources.
    pub source: u64,
    /// What came to the destination, repeats and rejects that were put aside among it.
    pub exported: u64,
    /// Whether the two agree.
    pub matched: bool,
}

impl ReconciliationResult {
    /// Compares what was to come with what came.
    pub fn of(source: u64, exported: u64) -> Self {
        Self {
            source,
            exported,
            matched: source == exported,
        }
    }
}

/// How an export ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunStatus {
    /// All that was planned is done.
    Ok,
    /// It is done, and something was left out or put aside that was not planned to be.
    Partial,
    /// It failed.
    Error,
    /// It was told to stop, and did at a clean point.
    Interrupted,
    /// What a later version says.
    #[serde(other)]
    Unknown,
}

impl RunStatus {
    /// Returns the name that a journal has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Error => "error",
            Self::Interrupted => "interrupted",
            Self::Unknown => "unknown",
        }
    }
}

/// How the export ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCompleted {
    /// How.
    pub status: RunStatus,
    /// Why it failed or stopped.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "short_if_any"
    )]
    pub error: Option<String>,
    /// How long it took.
    #[serde(rename = "duration_us", with = "micros")]
    pub duration: Duration,
}

/// Durations as whole microseconds.
pub(crate) mod micros {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(crate) fn serialize<S: Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(took.as_micros()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}

/// Writes a message, cut to what a journal has room for.
fn short<S: Serializer>(message: &str, to: S) -> Result<S::Ok, S::Error> {
    if message.len() <= MAX_MESSAGE {
        return to.serialize_str(message);
    }
    let mut ends = (0..=MAX_MESSAGE).rev();
    let end = ends.find(|&end| message.is_char_boundary(end));
    to.collect_str(&format_args!("{}…", &message[..end.unwrap_or(0)]))
}

#[expect(
    clippy::ref_option,
    reason = "this is how serde hands an optional field over"
)]
fn short_if_any<S: Serializer>(message: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    match message {
        Some(message) => short(message, to),
        None => to.serialize_none(),
    }
}
