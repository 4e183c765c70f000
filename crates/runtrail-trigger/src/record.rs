//! The records, and their JSON form.

mod event;
mod json;
mod link;
mod run;

use runtrail_core::time::ParseTimeError;

pub use event::{EventMarker, EventRecord, Matches};
pub use json::JsonText;
pub(crate) use json::{Fields, push_list, push_text, rest};
pub use link::LinkRecord;
pub use run::{Outcome, RunState, TriggerRunParticipant, TriggerRunRecord, trigger_run_id};

/// A record that is written as one JSON object and read back.
///
/// What is read tolerates what other engines write: a time without an offset is UTC, a list that is
/// `null` or missing is empty, and keys that are not known are kept and written out again. A time
/// that must be there and is not is an error, never the present.
pub trait Record: Sized {
    /// The word for several of them, which is the key of their list in a [page](crate::Page).
    const PLURAL: &'static str;

    /// Appends the record as one JSON object without line breaks.
    fn write_json(&self, out: &mut String);

    /// Reads a record from one JSON object.
    fn from_json(text: &str) -> Result<Self, RecordError>;

    /// Returns the record as one JSON object without line breaks.
    fn to_json(&self) -> String {
        let mut json = String::new();
        self.write_json(&mut json);
        json
    }
}

/// Why a text is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is not one JSON object, or nests deeper than 128 levels.
    #[error("{what} is not a JSON object")]
    NotAnObject {
        /// Which record or part of one.
        what: &'static str,
    },
    /// A value that must be there is not.
    #[error("{what} has no {key:?}")]
    Missing {
        /// Which record or part of one.
        what: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A value is not of the type that it must have.
    #[error("{key:?} of {what} is not {expected}")]
    WrongType {
        /// Which record or part of one.
        what: &'static str,
        /// The key.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A time cannot be read.
    #[error("{key:?} of {what} is not a time")]
    Time {
        /// Which record or part of one.
        what: &'static str,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        source: ParseTimeError,
    },
}
