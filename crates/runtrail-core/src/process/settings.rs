//! What all processors' settings have in common.

/// What a processor may remember, so that no stream makes it grow without end.
///
/// Where a limit is met the processor does less than it was asked, in the way its own page says,
/// and counts it in [`Tally::limited`](super::Tally::limited).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateLimits {
    /// Runs with something to remember, at once.
    pub max_runs: usize,
    /// Ops, and groups, that are open at once in a run; of groups 10,000 at most. The filters by name and by kind keep
    /// none in mind, and have no use for it.
    pub max_open: usize,
    /// Ids of ops that were left out, remembered per run so that what refers to them is mended. What leaves out
    /// nothing, such as [`GroupBy`](super::GroupBy), has no use for it.
    pub max_left_out: usize,
}

impl Default for StateLimits {
    /// 100,000 runs; as many open spans as the fold holds; the ids of the last 65,536 ops left out,
    /// which is some megabytes.
    fn default() -> Self {
        Self {
            max_runs: 100_000,
            max_open: 1_000_000,
            max_left_out: 65_536,
        }
    }
}

/// How many events may be held back, over all runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldLimits {
    /// Events.
    pub max_events: usize,
    /// Bytes of their text.
    pub max_bytes: usize,
}

/// A setting that no processor can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct SettingsError {
    setting: &'static str,
    reason: String,
}

impl SettingsError {
    /// Makes an error; the reason must not repeat a value that may be secret.
    pub fn new(setting: &'static str, reason: impl Into<String>) -> Self {
        Self {
            setting,
            reason: reason.into(),
        }
    }

    /// Returns the setting's name, which is also its key in a configuration.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// Returns what is wrong with it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
