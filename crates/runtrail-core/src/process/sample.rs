//! A part of the runs.

use super::group_by::failed;
use super::hold::Budget;
use super::runs::Runs;
use super::{Discard, HoldLimits, Output, Processor, SettingsError};
use crate::event::{EventKind, Status, TraceEvent, View};
use crate::json::RawJson;
use crate::text::Text;

const CONTEXT: &str = "runtrail sample run v1";

/// What [`Sample`] does with a run that it cannot hold any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// The run is kept: no error is lost, and more is kept than asked for.
    #[default]
    Keep,
    /// The run is left out, the rest of it too: memory is what counts, and an error may be lost.
    Discard,
}

/// Which runs [`Sample`] keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleSettings {
    /// The share of the runs, 0 to 1.
    pub rate: f64,
    /// Where a run's id holds this text, only what stands before it decides, so that runs
    /// `batch-7/1` and `batch-7/2` of one parent `batch-7` are kept or left out together.
    pub parent_separator: Option<String>,
    /// What may be held back of runs that are not in the sample until they are known to be clean; each event counts
    /// with its texts and what it takes itself.
    ///
    /// A run that is kept is handed on at once, all that was held of it. So the queue of each exporter must have
    /// room for it: keep it below seven eighths of `queue_events`, and below two fifths of `max_bytes`
    /// divided by the exporters, of the pipeline's settings.
    pub hold: HoldLimits,
    /// What happens to a run that goes beyond it.
    pub when_full: WhenFull,
    /// Runs remembered at once. A run beyond them is kept as a whole; of as many it is remembered that they
    /// are. From the first run beyond those on, only an event whose `seq` is 0 begins a run that is not kept.
    pub max_runs: usize,
}

impl Default for SampleSettings {
    /// Every run; 32,768 events and 8 MiB are held: what the queues of three exporters take at once, by default.
    fn default() -> Self {
        Self {
            rate: 1.0,
            parent_separator: None,
            hold: HoldLimits {
                max_events: 32_768,
                max_bytes: 8 << 20,
            },
            when_full: WhenFull::default(),
            max_runs: 1_000_000,
        }
    }
}

/// Keeps a share of the runs, and every run with an error.
///
/// A run is kept or left out as a whole, by a hash of its id that is the same on every machine and
/// in every version. One that the hash leaves out is held back until it ends: had it an error (an
/// op or a group that ended with `error` or `truncated`), or was something open at its end, it is
/// kept, and from that event on nothing of it waits any more. Left-out events are counted as
/// sampled out.
///
/// Where [`SampleSettings::hold`] is exceeded the run whose event came last gives way, as
/// [`WhenFull`] says, and [`Tally::limited`](super::Tally::limited) counts it; discarded so, its
/// events count as [`Discard::Overflow`].
///
/// ```
/// use runtrail_core::process::{Chain, Sample, SampleSettings};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let settings = SampleSettings { rate: 0.0, ..SampleSettings::default() };
/// let mut chain = Chain::new(vec![Box::new(Sample::new(&settings)?)]);
/// let mut kept = Vec::new();
/// for (id, status) in [("fine", "ok"), ("broken", "error")] {
///     let mut run = RunBuilder::new(id);
///     run.push("op_start", Some("main"), &[], "{}");
///     run.push("op_end", Some("main"), &[], &format!(r#"{{"status":"{status}"}}"#));
///     for event in run.into_events() {
///         chain.process(event, &mut |event| kept.push(event.request_id));
///     }
///     chain.finish(&id.into(), &mut |event| kept.push(event.request_id));
/// }
/// assert_eq!(kept, ["broken", "broken"]);
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct Sample {
    settings: SampleSettings,
    /// Hashes below it are in the sample; in 128 bits, so that a rate of 1 is above every hash.
    threshold: u128,
    hasher: blake3::Hasher,
    runs: Runs<Verdict>,
    /// Whether a run was kept of which nothing is remembered, so that an unknown run may be one that goes on.
    forgot: bool,
    budget: Budget,
}

/// What is to become of a run that the hash leaves out.
enum Verdict {
    Waiting(Waiting),
    Kept,
    LeftOut,
}

#[derive(Default)]
struct Waiting {
    events: Vec<TraceEvent>,
    bytes: usize,
    /// Openers less closers.
    open: i64,
}

impl Sample {
    /// The name in configurations.
    pub const NAME: &str = "sample";

    /// Makes the processor.
    pub fn new(settings: &SampleSettings) -> Result<Self, SettingsError> {
        if !(0.0..=1.0).contains(&settings.rate) {
            return Err(SettingsError::new("rate", "must be between 0 and 1"));
        }
        if settings.parent_separator.as_deref() == Some("") {
            return Err(SettingsError::new("parent_separator", "is empty"));
        }
        Ok(Self {
            threshold: (settings.rate * 2_f64.powi(64)) as u128,
            hasher: blake3::Hasher::new_derive_key(CONTEXT),
            runs: Runs::new(settings.max_runs.saturating_mul(2)),
            forgot: false,
            budget: Budget::new(settings.hold),
            settings: settings.clone(),
        })
    }

    /// Whether the hash of a run's id puts it into the sample.
    pub fn is_sampled(&self, request_id: &str) -> bool {
        let separator = self.settings.parent_separator.as_deref();
        let decides = separator
            .and_then(|separator| request_id.split_once(separator))
            .map_or(request_id, |(parent, _)| parent);
        let mut hash = [0; 8];
        let mut hasher = self.hasher.clone();
        hasher.update(decides.as_bytes());
        hasher.finalize_xof().fill(&mut hash);
        u128::from(u64::from_le_bytes(hash)) < self.threshold
    }
}

impl Processor for Sample {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        if self.is_sampled(&event.request_id) {
            out.forward(event);
            return;
        }
        let waits = self.runs.len() < self.settings.max_runs && (!self.forgot || event.seq == 0);
        let mut limited = false;
        let new = || {
            limited = !waits;
            if waits {
                Verdict::Waiting(Waiting::default())
            } else {
                Verdict::Kept
            }
        };
        let Some(verdict) = self.runs.get_or(&event.request_id, new) else {
            self.forgot = true;
            out.limited();
            out.forward(event);
            return;
        };
        if limited {
            out.limited();
        }
        let waiting = match verdict {
            Verdict::Kept => return out.forward(event),
            Verdict::LeftOut => return out.discard(&event, Discard::Overflow),
            Verdict::Waiting(waiting) => waiting,
        };
        let unclean = is_unclean(&event);
        waiting.take(&event, &mut self.budget);
        let full = !unclean && self.budget.is_exceeded();
        if full {
            out.limited();
        }
        if full && self.settings.when_full == WhenFull::Discard {
            for event in waiting.release(&mut self.budget) {
                out.discard(&event, Discard::Overflow);
            }
            *verdict = Verdict::LeftOut;
        } else if full || unclean {
            for event in waiting.release(&mut self.budget) {
                out.forward(event);
            }
            *verdict = Verdict::Kept;
        }
    }

    fn finish(&mut self, request_id: &Text, out: &mut Output) {
        let Some(Verdict::Waiting(mut waiting)) = self.runs.take(request_id) else {
            return;
        };
        let whole = waiting.open <= 0;
        for event in waiting.release(&mut self.budget) {
            if whole {
                out.discard(&event, Discard::SampledOut);
            } else {
                out.forward(event);
            }
        }
    }

    fn held(&self) -> u64 {
        self.budget.events() as u64
    }
}

impl Waiting {
    fn take(&mut self, event: &TraceEvent, budget: &mut Budget) {
        self.open += match event.kind {
            EventKind::OpStart | EventKind::GroupStart => 1,
            EventKind::OpEnd | EventKind::GroupEnd => -1,
            _ => 0,
        };
        // What waits must not keep the chunk alive that it was read in.
        let event = event.detached();
        let bytes = size_of::<TraceEvent>() + event.text_bytes();
        self.bytes += bytes;
        budget.add(bytes);
        self.events.push(event);
    }

    fn release(&mut self, budget: &mut Budget) -> Vec<TraceEvent> {
        budget.release(self.events.len(), std::mem::take(&mut self.bytes));
        std::mem::take(&mut self.events)
    }
}

/// Whether an event says that something went wrong.
fn is_unclean(event: &TraceEvent) -> bool {
    let says = |status: Option<RawJson<'_>>, wanted: Status| {
        let status = status.and_then(RawJson::as_str);
        status.as_deref() == Some(wanted.as_str())
    };
    match event.view() {
        View::OpEnd(end) => {
            failed(&end)
                || says(end.status, Status::Truncated)
                || end.error.is_some_and(|error| !error.is_null())
        }
        View::GroupEnd(end) => {
            says(end.status, Status::Error) || says(end.status, Status::Truncated)
        }
        _ => false,
    }
}
