//! Leaving out ops that say nothing.

use super::hold::{Budget, Fate, Hold, Ops};
use super::lift::parent_id;
use super::runs::Runs;
use super::{Discard, HoldLimits, Output, Processor, SettingsError, StateLimits};
use crate::event::{Ctx, EventKind, OpEnd, Status, TraceEvent, View};
use crate::json::RawJson;
use crate::text::Text;

/// How much [`DropEmpty`] may hold back and remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropEmptySettings {
    /// What may be held back while it is not known whether an op is empty.
    pub hold: HoldLimits,
    /// What may be remembered.
    pub limits: StateLimits,
}

impl Default for DropEmptySettings {
    /// 4096 events and 16 MiB: an op of ordinary length ends within them.
    fn default() -> Self {
        Self {
            hold: HoldLimits {
                max_events: 4096,
                max_bytes: 16 << 20,
            },
            limits: StateLimits::default(),
        }
    }
}

/// Leaves out ops that end well and gave nothing: no outputs, no items, no notes, no usage, no
/// media, nothing that ran inside.
///
/// Outputs are nothing where they are missing, `null`, `{}`, `[]` or `""`. An end with an error, a
/// cancelled or a truncated one is never left out, nor is a parent of an op that is.
///
/// An op that is open and empty so far holds up the run's later events, since the order must stay.
/// Where [`DropEmptySettings::hold`] is exceeded the oldest such op is kept, and that is counted in
/// [`Tally::limited`](super::Tally::limited). An op that is open at the end of its run is kept.
///
/// ```
/// use runtrail_core::process::{Chain, DropEmpty, DropEmptySettings};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let mut run = RunBuilder::new("r");
/// for end in [r#"{"status":"ok","outputs":{}}"#, r#"{"status":"error"}"#] {
///     run.push("op_start", Some("poll"), &[], "{}");
///     run.push("op_end", Some("poll"), &[], end);
/// }
/// let mut chain = Chain::new(vec![Box::new(DropEmpty::new(DropEmptySettings::default())?)]);
/// let mut left = Vec::new();
/// for event in run.into_events() {
///     chain.process(event, &mut |event| left.push(event.seq));
/// }
/// assert_eq!(left, [2, 3]);
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct DropEmpty {
    runs: Runs<Hold>,
    budget: Budget,
    limits: StateLimits,
}

impl DropEmpty {
    /// The name in configurations.
    pub const NAME: &str = "drop_empty";

    /// Makes the processor.
    pub fn new(settings: DropEmptySettings) -> Result<Self, SettingsError> {
        if settings.hold.max_events == 0 {
            return Err(SettingsError::new("max_events", "must be at least 1"));
        }
        Ok(Self {
            runs: Runs::new(settings.limits.max_runs),
            budget: Budget::new(settings.hold),
            limits: settings.limits,
        })
    }
}

impl Processor for DropEmpty {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        let make = || Hold::new(self.limits.max_open);
        let Some(hold) = self.runs.get_or(&event.request_id, make) else {
            out.limited();
            out.forward(event);
            return;
        };
        let op = match event.view() {
            View::OpStart(_) => {
                keep_parents(&mut hold.ops, &event);
                let opened = hold.ops.open(&event, Fate::Undecided);
                if opened.is_none() {
                    out.limited();
                }
                opened
            }
            View::GroupStart(_) => {
                keep_parents(&mut hold.ops, &event);
                None
            }
            View::OpEnd(end) => {
                let op = hold.ops.owner(&event);
                if let Some(op) = op {
                    let fate = if is_empty(&end) {
                        Fate::Drop
                    } else {
                        Fate::Keep
                    };
                    hold.ops.decide(op, fate);
                }
                op
            }
            _ => {
                let op = hold.ops.owner(&event);
                if let Some(op) = op {
                    hold.ops.decide(op, Fate::Keep);
                }
                op
            }
        };
        let ends = event.kind == EventKind::OpEnd;
        hold.push(event, op, &mut self.budget);
        if let Some(op) = op.filter(|_| ends) {
            hold.ops.close(op);
        }
        let max = self.limits.max_left_out;
        hold.flush(Discard::Filtered, max, &mut self.budget, out);
        while self.budget.is_exceeded() && hold.give_way() {
            out.limited();
            hold.flush(Discard::Filtered, max, &mut self.budget, out);
        }
    }

    fn finish(&mut self, request_id: &Text, out: &mut Output) {
        if let Some(mut hold) = self.runs.take(request_id) {
            hold.ops.keep_if(|_, _, _| true);
            let max = self.limits.max_left_out;
            hold.flush(Discard::Filtered, max, &mut self.budget, out);
        }
    }

    fn held(&self) -> u64 {
        self.budget.events() as u64
    }
}

/// Keeps the ops that a new span may hang on, by its own word or by the fold's rules.
fn keep_parents(ops: &mut Ops, opener: &TraceEvent) {
    if let Some(id) = parent_id(opener) {
        if let Some(parent) = ops.by_id(&id) {
            ops.decide(parent, Fate::Keep);
        }
        return;
    }
    let name = opener.op_name.as_deref().unwrap_or_default();
    ops.keep_if(|_, other, ctx| {
        if *ctx == opener.ctx {
            let rest = name.strip_prefix(other);
            rest.is_some_and(|rest| rest.starts_with('.'))
        } else {
            is_inside(&opener.ctx, ctx)
        }
    });
}

fn is_inside(inner: &Ctx, outer: &Ctx) -> bool {
    inner.segments().starts_with(outer.segments())
}

fn is_empty(end: &OpEnd<'_>) -> bool {
    let nothing = |value: Option<RawJson<'_>>| {
        value.is_none_or(|value| {
            let text = value.text();
            let inside = text
                .get(1..text.len().saturating_sub(1))
                .unwrap_or_default();
            let hollow = text.starts_with(['{', '[', '"']) && inside.trim_ascii().is_empty();
            // White space in a text is a text.
            value.is_null() || (hollow && (inside.is_empty() || !text.starts_with('"')))
        })
    };
    let well = match end.status.filter(|status| !status.is_null()) {
        Some(status) => status.as_str().as_deref() == Some(Status::Ok.as_str()),
        None => true,
    };
    let items = end.yield_count.and_then(RawJson::as_i64);
    // Engines count an op's one result as an item.
    well && nothing(end.outputs) && nothing(end.error) && items.is_none_or(|count| count <= 1)
}
