//! Runs that were open at the end of what was exported, with what is known of them, to be continued.

use std::io::{self, BufRead, Write};
use std::path::Path;

use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::LakeReadError;

/// The folder of the files of carried runs within a lake.
pub(crate) const CARRIED: &str = "_runtrail/carried";

/// Runs that are carried at once, at most; further ones are closed as truncated.
pub const MAX_CARRIED_RUNS: usize = 65_536;
/// Bytes of what is known of them, at most.
pub const MAX_CARRIED_BYTES: usize = 32 << 20;

/// A line longer than all states together may be is none.
const MAX_FILE: u64 = 4 * MAX_CARRIED_BYTES as u64;

/// A run whose events are in the lake, and whose rows in `runs`, and of what is open in it in `ops` and
/// `groups`, wait for the rest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedRun {
    /// The run.
    pub request_id: Text,
    /// When its last event was.
    pub last: Timestamp,
    /// What [`Fold::save_run`](runtrail_core::fold::Fold::save_run) gave.
    pub(crate) state: String,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    request_id: Text,
    last: Timestamp,
    #[serde(borrow)]
    state: &'a RawValue,
}

/// Writes runs in the order of their ids, a line each.
pub(crate) fn write(runs: &mut [CarriedRun], to: &mut dyn Write) -> io::Result<()> {
    runs.sort_unstable_by(|one, other| one.request_id.cmp(&other.request_id));
    for run in runs {
        let line = Line {
            request_id: run.request_id.clone(),
            last: run.last,
            state: serde_json::from_str(&run.state)?,
        };
        serde_json::to_writer(&mut *to, &line)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

/// Reads what [`write`] wrote. One line that cannot be read is an error: its run would be forgotten.
pub(crate) fn read(path: &Path, shown: &str) -> Result<Vec<CarriedRun>, LakeReadError> {
    let failed = |error| LakeReadError::io(path, error);
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > MAX_FILE {
        return Err(LakeReadError::damaged(shown, "it is too long"));
    }
    let mut runs = Vec::new();
    for line in io::BufReader::new(file).lines() {
        let line = line.map_err(failed)?;
        let line: Line<'_> =
            serde_json::from_str(&line).map_err(|error| LakeReadError::damaged(shown, error))?;
        runs.push(CarriedRun {
            request_id: line.request_id,
            last: line.last,
            state: line.state.get().to_owned(),
        });
    }
    Ok(runs)
}
