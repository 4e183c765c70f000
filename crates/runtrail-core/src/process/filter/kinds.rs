//! Leaving out events by kind.

use std::collections::HashSet;

use crate::event::{EventKind, TraceEvent};
use crate::process::lift::Lift;
use crate::process::runs::Runs;
use crate::process::{Discard, Output, Processor, SettingsError, StateLimits};
use crate::text::Text;

/// Which kinds [`DropKinds`] leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DropKindsSettings {
    /// The kinds' names on the wire; at least one.
    pub kinds: Vec<String>,
    /// What may be remembered.
    pub limits: StateLimits,
}

/// Leaves out events of certain kinds.
///
/// A stream stays balanced: `op_start` and `op_end` each mean whole ops, with their items, notes,
/// usage and media, and `group_start` and `group_end` each mean whole groups with their notes. What
/// ran inside them stays, and hangs where [`DropOps`](super::DropOps) says. Kinds that this version
/// does not know are named as they are on the wire.
///
/// ```
/// use runtrail_core::process::{Chain, DropKinds, DropKindsSettings};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let mut run = RunBuilder::new("r");
/// run.push("group_start", None, &[], r#"{"name":"turn"}"#);
/// run.push("op_start", Some("llm"), &[], "{}");
/// run.push("op_end", Some("llm"), &[], "{}");
/// run.push("group_end", None, &[], r#"{"name":"turn"}"#);
///
/// let settings = DropKindsSettings { kinds: vec!["group_start".into()], ..Default::default() };
/// let mut chain = Chain::new(vec![Box::new(DropKinds::new(&settings)?)]);
/// let mut left = Vec::new();
/// for event in run.into_events() {
///     chain.process(event, &mut |event| left.push(event.kind.to_string()));
/// }
/// assert_eq!(left, ["op_start", "op_end"]);
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct DropKinds {
    ops: bool,
    groups: bool,
    kinds: HashSet<String>,
    runs: Runs<State>,
    limits: StateLimits,
}

#[derive(Default)]
struct State {
    lift: Lift,
    open_groups: usize,
}

impl DropKinds {
    /// The name in configurations.
    pub const NAME: &str = "drop_kinds";

    /// Makes the processor.
    pub fn new(settings: &DropKindsSettings) -> Result<Self, SettingsError> {
        let kinds: HashSet<String> = settings.kinds.iter().cloned().collect();
        if kinds.is_empty() {
            return Err(SettingsError::new("kinds", "names nothing"));
        }
        let either = |one: EventKind, other: EventKind| {
            kinds.contains(one.as_str()) || kinds.contains(other.as_str())
        };
        Ok(Self {
            ops: either(EventKind::OpStart, EventKind::OpEnd),
            groups: either(EventKind::GroupStart, EventKind::GroupEnd),
            kinds,
            runs: Runs::new(settings.limits.max_runs),
            limits: settings.limits,
        })
    }

    fn leaves_out(&self, event: &TraceEvent, state: Option<&State>) -> bool {
        if self.kinds.contains(event.kind.as_str())
            || state.is_some_and(|state| state.lift.owns(event))
        {
            return true;
        }
        match event.kind {
            EventKind::OpStart
            | EventKind::OpEnd
            | EventKind::OpYield
            | EventKind::LlmUsage
            | EventKind::MediaRef => self.ops,
            EventKind::GroupStart | EventKind::GroupEnd => self.groups,
            EventKind::Annotation if event.op_name.is_some() => self.ops,
            // It names no owner, so it is of the innermost open group, if there is one.
            EventKind::Annotation => {
                event.view().opener_id().is_none()
                    && state.is_some_and(|state| state.open_groups > 0)
            }
            EventKind::Unknown(_) => false,
        }
    }

    /// Keeps in mind what is left out.
    fn remember(&mut self, event: &TraceEvent, out: &mut Output) {
        let is_start = matches!(event.kind, EventKind::OpStart | EventKind::GroupStart);
        if !is_start && event.kind != EventKind::GroupEnd {
            return;
        }
        let Some(state) = self.runs.get_or(&event.request_id, State::default) else {
            out.limited();
            return;
        };
        if is_start {
            state.lift.leave_out(event, self.limits.max_left_out);
        }
        match event.kind {
            EventKind::GroupStart => state.open_groups += 1,
            EventKind::GroupEnd => state.open_groups = state.open_groups.saturating_sub(1),
            _ => {}
        }
    }
}

impl Processor for DropKinds {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        let state = self.runs.get(&event.request_id);
        if self.leaves_out(&event, state) {
            self.remember(&event, out);
            out.discard(&event, Discard::Filtered);
            return;
        }
        let event = match state {
            Some(state) => state.lift.lift(event),
            None => event,
        };
        out.forward(event);
    }

    fn finish(&mut self, request_id: &Text, _out: &mut Output) {
        self.runs.take(request_id);
    }

    fn held(&self) -> u64 {
        0
    }
}
