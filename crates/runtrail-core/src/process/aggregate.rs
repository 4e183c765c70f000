//! A summary in the place of many ops.

mod reduce;

use reduce::Reduction;
pub use reduce::{Reducer, Stat};

use super::groups::Groups;
use super::hold::{Budget, Fate, Hold, OpId};
use super::lift::parent_id;
use super::moment::Moment;
use super::pattern::{NamePattern, patterns};
use super::runs::{Map, Runs};
use super::{Discard, HoldLimits, Output, Processor, SettingsError, StateLimits};
use crate::event::{EventKind, OpEnd, Status, TraceEvent, View};
use crate::json::{RawJson, push_string};
use crate::text::Text;

/// What [`Aggregate`] sums up, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateSettings {
    /// The op's name, in which `*` stands for any characters.
    pub op: String,
    /// The figures of a summary; at least one.
    pub reducers: Vec<Reducer>,
    /// What may be held back while it is not known how an op ends.
    pub hold: HoldLimits,
    /// What may be remembered.
    pub limits: StateLimits,
}

impl AggregateSettings {
    /// Sums up an op by how often it ran, and how long in all and on average.
    pub fn of(op: impl Into<String>) -> Self {
        Self {
            op: op.into(),
            reducers: vec![
                Reducer::count("count"),
                Reducer::new(Stat::Sum, "duration_ms", "total_ms"),
                Reducer::new(Stat::Mean, "duration_ms", "mean_ms"),
            ],
            hold: HoldLimits {
                max_events: 4096,
                max_bytes: 16 << 20,
            },
            limits: StateLimits::default(),
        }
    }
}

/// Puts one note on a group in the place of the ops of one name that ran in it.
///
/// Every such op that ends in its group counts towards the group's summary, which stands before
/// the group's end as a note `summary:<op>`; a group without one has no summary. The op's events
/// are left out, as [`DropOps`](super::DropOps) leaves them out, except of ops that must stay seen:
/// those that did not end well (error, cancelled, truncated), that reported LLM usage or refer to
/// media, that outlive their group, or that ran in no group.
///
/// An op's group is the one that it names as its parent, or else the innermost that is open.
/// While an op is open, the run's later events wait, since the order must stay; where
/// [`AggregateSettings::hold`] is exceeded the oldest such op stays seen (and counts all the same),
/// and that is counted in [`Tally::limited`](super::Tally::limited). A group that is open at the
/// end of the run gets its summary there.
///
/// ```
/// use runtrail_core::process::{Aggregate, AggregateSettings, Chain};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let mut run = RunBuilder::new("r");
/// run.push("group_start", None, &[], r#"{"name":"turn"}"#);
/// for millis in [2, 4] {
///     run.push("op_start", Some("score"), &[], "{}");
///     run.push("op_end", Some("score"), &[], &format!(r#"{{"duration_ms":{millis}}}"#));
/// }
/// run.push("group_end", None, &[], r#"{"name":"turn","status":"ok"}"#);
///
/// let mut chain = Chain::new(vec![Box::new(Aggregate::new(&AggregateSettings::of("score"))?)]);
/// let mut left = Vec::new();
/// for event in run.into_events() {
///     chain.process(event, &mut |event| left.push(event.payload.text().to_string()));
/// }
/// assert_eq!(left, [
///     r#"{"name":"turn"}"#,
///     r#"{"key":"summary:score","value":{"count":2,"total_ms":6,"mean_ms":3},"opener_id":"r-00000"}"#,
///     r#"{"name":"turn","status":"ok"}"#,
/// ]);
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct Aggregate {
    pattern: Vec<NamePattern>,
    settings: AggregateSettings,
    runs: Runs<State>,
    budget: Budget,
}

struct State {
    hold: Hold,
    groups: Groups,
    /// The group of each op that is to be counted.
    counted_in: Map<OpId, Text>,
    sums: Map<Text, Reduction>,
    last: Option<Moment>,
}

impl State {
    fn new(max_open: usize) -> Self {
        Self {
            hold: Hold::new(max_open),
            groups: Groups::default(),
            counted_in: Map::default(),
            sums: Map::default(),
            last: None,
        }
    }
}

impl Aggregate {
    /// The name in configurations.
    pub const NAME: &str = "aggregate";

    /// Makes the processor.
    pub fn new(settings: &AggregateSettings) -> Result<Self, SettingsError> {
        if settings.reducers.is_empty() {
            return Err(SettingsError::new("reducers", "there is none"));
        }
        if settings.hold.max_events == 0 {
            return Err(SettingsError::new("max_events", "must be at least 1"));
        }
        for reducer in &settings.reducers {
            reducer.check()?;
        }
        Ok(Self {
            pattern: patterns("op", std::slice::from_ref(&settings.op))?,
            runs: Runs::new(settings.limits.max_runs),
            budget: Budget::new(settings.hold),
            settings: settings.clone(),
        })
    }

    fn is_meant(pattern: &[NamePattern], event: &TraceEvent) -> bool {
        let name = event.op_name.as_deref();
        name.is_some_and(|name| pattern.iter().any(|pattern| pattern.matches(name)))
    }
}

impl Processor for Aggregate {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        let limits = self.settings.limits;
        let make = || State::new(limits.max_open);
        let Some(state) = self.runs.get_or(&event.request_id, make) else {
            out.limited();
            out.forward(event);
            return;
        };
        let op = match event.view() {
            View::GroupStart(_) => {
                if !state.groups.start(&event, limits.max_open) {
                    out.limited();
                }
                None
            }
            View::GroupEnd(_) => {
                state.end_group(&event, &self.settings);
                None
            }
            View::OpStart(_) if Self::is_meant(&self.pattern, &event) => {
                let op = state.start_op(&event);
                if op.is_none() {
                    out.limited();
                }
                op
            }
            View::OpEnd(end) => state.end_op(&event, &end, &self.settings),
            View::LlmUsage(_) | View::MediaRef(_) => {
                let op = state.hold.ops.owner(&event);
                if let Some(op) = op {
                    state.hold.ops.decide(op, Fate::Keep);
                }
                op
            }
            View::Unknown | View::OpStart(_) => None,
            View::OpYield(_) | View::Annotation(_) => state.hold.ops.owner(&event),
        };
        let ends = event.kind == EventKind::OpEnd;
        state.last = Some(Moment::of(&event));
        state.hold.push(event, op, &mut self.budget);
        if let Some(op) = op.filter(|_| ends) {
            state.hold.ops.close(op);
        }
        let hold = &mut state.hold;
        hold.flush(
            Discard::Aggregated,
            limits.max_left_out,
            &mut self.budget,
            out,
        );
        while self.budget.is_exceeded() && hold.give_way() {
            out.limited();
            hold.flush(
                Discard::Aggregated,
                limits.max_left_out,
                &mut self.budget,
                out,
            );
        }
    }

    fn finish(&mut self, request_id: &Text, out: &mut Output) {
        let Some(mut state) = self.runs.take(request_id) else {
            return;
        };
        state.hold.ops.keep_if(|_, _, _| true);
        while let Some(at) = state.groups.depth().checked_sub(1) {
            let group = state.groups.close(at).id;
            if let Some(last) = state.last.clone() {
                state.sum_up(&group, &last, request_id, &self.settings);
            }
        }
        let max = self.settings.limits.max_left_out;
        state
            .hold
            .flush(Discard::Aggregated, max, &mut self.budget, out);
    }

    fn held(&self) -> u64 {
        self.budget.events() as u64
    }
}

impl State {
    fn start_op(&mut self, event: &TraceEvent) -> Option<OpId> {
        let parent = parent_id(event).filter(|id| self.groups.contains(id));
        let group = match parent {
            Some(id) => Some(Text::new(&*id)),
            None => self.groups.innermost().cloned(),
        };
        let Some(group) = group else {
            return self.hold.ops.open(event, Fate::Keep);
        };
        let op = self.hold.ops.open(event, Fate::Undecided)?;
        self.counted_in.insert(op, group);
        Some(op)
    }

    fn end_op(
        &mut self,
        event: &TraceEvent,
        end: &OpEnd<'_>,
        settings: &AggregateSettings,
    ) -> Option<OpId> {
        let op = self.hold.ops.owner(event)?;
        if let Some(group) = self.counted_in.remove(&op) {
            let sum = self
                .sums
                .entry(group)
                .or_insert_with(|| Reduction::of(&settings.reducers));
            sum.take(&settings.reducers, event);
            let fate = if ended_well(end) {
                Fate::Drop
            } else {
                Fate::Keep
            };
            self.hold.ops.decide(op, fate);
        }
        Some(op)
    }

    fn end_group(&mut self, event: &TraceEvent, settings: &AggregateSettings) {
        let Some(at) = self.groups.closed_by(event) else {
            return;
        };
        let group = self.groups.close(at).id;
        // What outlives the group is no longer counted.
        let counted_in = &mut self.counted_in;
        self.hold
            .ops
            .keep_if(|op, _, _| counted_in.get(&op) == Some(&group));
        counted_in.retain(|_, counted_in| *counted_in != group);
        // Another summary may stand at the same end: this one comes after it.
        let here = Moment::of(event);
        let before = self.last.clone();
        let at = before.filter(|last| last.shares(event) && last.rank == 2);
        self.sum_up(
            &group,
            at.as_ref().unwrap_or(&here),
            &event.request_id,
            settings,
        );
    }

    fn sum_up(&mut self, group: &Text, at: &Moment, run: &Text, settings: &AggregateSettings) {
        let Some(sum) = self.sums.remove(group) else {
            return;
        };
        let key = format!("summary:{}", settings.op);
        let mut payload = String::from("{\"key\":");
        push_string(&mut payload, &key);
        payload.push_str(",\"value\":");
        payload.push_str(&sum.to_json(&settings.reducers));
        payload.push_str(",\"opener_id\":");
        push_string(&mut payload, group);
        payload.push('}');
        let summary = at.make(
            run,
            EventKind::Annotation,
            &format!("{key}~{group}"),
            payload,
        );
        self.hold.push_made(summary);
    }
}

/// Whether an op ended as it should.
fn ended_well(end: &OpEnd<'_>) -> bool {
    match end.status.filter(|status| !status.is_null()) {
        Some(status) => status.as_str().as_deref() == Some(Status::Ok.as_str()),
        None => end.error.is_none_or(RawJson::is_null),
    }
}
