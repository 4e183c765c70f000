//! What is kept, and what was removed.

use runtrail_core::time::Timestamp;

/// What a store keeps. What no rule speaks of is kept.
///
/// - An event goes that happened before [`before`](Self::before), or that is not among the newest
///   [`max_events`](Self::max_events); unless a pending trigger run refers to it.
/// - With an event go its links, and every trigger run that it took part in.
/// - A trigger run also goes by its own age and number; its time is
///   [`TriggerRunRecord::last_time`](crate::TriggerRunRecord::last_time), so that one whose end has
///   no time goes as well. With it go those of its links that come from no event.
/// - A pending trigger run never goes.
/// - A link that comes from no recorded event goes by its own age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// What is earlier than this goes.
    pub before: Option<Timestamp>,
    /// How many events are kept, those with the latest times.
    pub max_events: Option<u64>,
    /// How many trigger runs are kept that are over, those with the latest times.
    pub max_runs: Option<u64>,
}

/// What a purge removed, or would remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Events.
    pub events: u64,
    /// Trigger runs.
    pub runs: u64,
    /// Links.
    pub links: u64,
    /// Events that would have gone, had not a pending trigger run referred to them.
    pub spared: u64,
}
