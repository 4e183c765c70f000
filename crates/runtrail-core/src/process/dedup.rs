//! Leaving out what was seen before.

use std::collections::{HashSet, VecDeque};

use super::runs::Runs;
use super::{Discard, Output, Processor, SettingsError};
use crate::event::TraceEvent;
use crate::json::compact;
use crate::text::Text;

/// How far back [`Dedup`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DedupSettings {
    /// Events remembered of a run.
    pub max_per_run: usize,
    /// Events remembered in all, some 60 bytes each.
    pub max_events: usize,
    /// Runs remembered at once.
    pub max_runs: usize,
}

impl Default for DedupSettings {
    /// The last 65,536 events of a run, and a million in all.
    fn default() -> Self {
        Self {
            max_per_run: 65_536,
            max_events: 1_000_000,
            max_runs: 100_000,
        }
    }
}

/// Leaves out exact repeats: events equal in id and in content to one of their run seen before.
///
/// White space between the tokens of a payload does not count. A second event with a used id and
/// another content is no repeat and passes. A repeat of an event that was forgotten (see
/// [`DedupSettings`]) passes too; each time one is forgotten because of a limit,
/// [`Tally::limited`](super::Tally::limited) counts it.
///
/// ```
/// use runtrail_core::process::{Chain, Dedup, DedupSettings};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let mut run = RunBuilder::new("r");
/// run.push("op_start", Some("main"), &[], "{}");
/// run.repeat();
/// let mut chain = Chain::new(vec![Box::new(Dedup::new(DedupSettings::default())?)]);
/// let mut left = 0;
/// for event in run.into_events() {
///     chain.process(event, &mut |_| left += 1);
/// }
/// assert_eq!(left, 1);
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct Dedup {
    settings: DedupSettings,
    runs: Runs<Seen>,
    remembered: usize,
}

/// Half of a BLAKE3 hash: enough that no two events are ever taken for one.
type Digest = [u8; 16];

#[derive(Default)]
struct Seen {
    digests: HashSet<Digest, foldhash::fast::RandomState>,
    order: VecDeque<Digest>,
}

impl Dedup {
    /// The name in configurations.
    pub const NAME: &str = "dedup";

    /// Makes the processor.
    pub fn new(settings: DedupSettings) -> Result<Self, SettingsError> {
        if settings.max_per_run == 0 {
            return Err(SettingsError::new("max_per_run", "must be at least 1"));
        }
        if settings.max_events == 0 {
            return Err(SettingsError::new("max_events", "must be at least 1"));
        }
        Ok(Self {
            settings,
            runs: Runs::new(settings.max_runs),
            remembered: 0,
        })
    }
}

impl Processor for Dedup {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        let Some(seen) = self.runs.get_or(&event.request_id, Seen::default) else {
            out.limited();
            out.forward(event);
            return;
        };
        let digest = digest(&event);
        if !seen.digests.insert(digest) {
            out.discard(&event, Discard::Duplicate);
            return;
        }
        seen.order.push_back(digest);
        self.remembered += 1;
        let full = seen.order.len() > self.settings.max_per_run
            || self.remembered > self.settings.max_events;
        if full && let Some(oldest) = seen.order.pop_front() {
            seen.digests.remove(&oldest);
            self.remembered -= 1;
            out.limited();
        }
        out.forward(event);
    }

    fn finish(&mut self, request_id: &Text, _out: &mut Output) {
        if let Some(seen) = self.runs.take(request_id) {
            self.remembered -= seen.order.len();
        }
    }

    fn held(&self) -> u64 {
        0
    }
}

/// Hashes all of an event but the run's id, each part with its length before it.
fn digest(event: &TraceEvent) -> Digest {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(event.event_id.as_bytes());
    part(event.kind.as_str().as_bytes());
    part(event.op_name.as_ref().map_or(b"", |name| name.as_bytes()));
    part(&[
        u8::from(event.op_name.is_some()),
        u8::from(event.extra.is_some()),
    ]);
    part(&(event.ctx.segments().len() as u64).to_le_bytes());
    for segment in event.ctx.segments() {
        part(segment.as_bytes());
    }
    part(&event.timestamp.micros().to_le_bytes());
    part(&event.timestamp.nanos().to_le_bytes());
    part(&event.seq.to_le_bytes());
    part(compact(event.payload.text()).as_bytes());
    part(
        event
            .extra
            .as_ref()
            .map(|extra| compact(extra))
            .unwrap_or_default()
            .as_bytes(),
    );
    let mut digest = Digest::default();
    hasher.finalize_xof().fill(&mut digest);
    digest
}
