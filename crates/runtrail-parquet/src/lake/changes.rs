//! What an export changes of what the lake holds already.

use std::collections::BTreeSet;

use runtrail_core::text::Text;

use crate::carried::CarriedRun;
use crate::read::LakeReader;

/// What becomes of runs that are open when an export ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OpenRuns {
    /// They are closed as truncated.
    #[default]
    Truncate,
    /// What is known of them is kept, and the next export continues them; until then they have no row in
    /// `runs`, nor has what is open in them one in `ops` and `groups`. Runs beyond
    /// [`MAX_CARRIED_RUNS`](crate::MAX_CARRIED_RUNS) are closed as truncated.
    Carry,
}

/// Which runs an export hands over whole.
#[derive(Debug, Clone, Default)]
pub enum Whole {
    /// Those that the lake holds nothing of.
    #[default]
    New,
    /// Those and these: their rows in earlier parts give way.
    Also(BTreeSet<Text>),
    /// All runs: every earlier part gives way.
    Every,
}

impl Whole {
    /// Whether the rows of a run in earlier parts give way.
    pub(crate) fn replaces(&self, request_id: &str) -> bool {
        match self {
            Self::New => false,
            Self::Also(runs) => runs.contains(request_id),
            Self::Every => true,
        }
    }
}

/// What an export changes of what the lake holds already; by default nothing.
///
/// Whoever changes something holds the [`LakeLock`](crate::LakeLock).
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The lake as it was looked at; `None` where there was none.
    pub lake: Option<LakeReader>,
    /// Which runs come whole.
    pub whole: Whole,
    /// Parts that give way, whatever runs they hold, by their paths.
    pub parts: BTreeSet<String>,
    /// Sources whose export gives way with them, by their names.
    pub sources: BTreeSet<String>,
    /// What becomes of runs that are open at the end.
    pub open_runs: OpenRuns,
    /// Runs that earlier exports carried and that this one continues: it hands over the rest of them.
    pub continued: Vec<CarriedRun>,
    /// Runs that earlier exports carried and that this one has nothing of: they are carried on.
    pub kept: Vec<CarriedRun>,
    /// Runs that earlier exports carried and that are to be closed as truncated.
    pub closed: Vec<CarriedRun>,
}
