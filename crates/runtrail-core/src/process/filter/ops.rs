//! Leaving out ops by name.

use crate::event::{EventKind, TraceEvent};
use crate::process::lift::Lift;
use crate::process::pattern::{NamePattern, patterns};
use crate::process::runs::Runs;
use crate::process::{Discard, Output, Processor, SettingsError, StateLimits};
use crate::text::Text;

/// Which ops [`DropOps`] and [`KeepOps`] speak of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpFilterSettings {
    /// The names, in which `*` stands for any characters; at least one.
    pub ops: Vec<String>,
    /// What may be remembered.
    pub limits: StateLimits,
}

impl OpFilterSettings {
    /// Speaks of the ops with these names.
    pub fn of<S: Into<String>>(ops: impl IntoIterator<Item = S>) -> Self {
        Self {
            ops: ops.into_iter().map(Into::into).collect(),
            limits: StateLimits::default(),
        }
    }
}

/// Leaves out the ops with certain names, and everything that belongs to them.
///
/// An op goes as a whole: its start, its end, its items, notes, usage and media. What ran inside it
/// stays: an op or a group that names a left-out op as its parent (`parent_id`) hangs on the
/// nearest op above that is kept, or names none where there is none; its ctx stays as it is. What
/// names no parent finds one by the rules of the [fold](crate::fold), as if the op had never been.
/// Groups, notes on groups and events without an op pass.
///
/// Children of ops that were left out longer ago than [`StateLimits::max_left_out`] keep a parent that
/// is not there; the fold counts it and hangs them by its other rules.
///
/// ```
/// use runtrail_core::process::{Chain, DropOps, OpFilterSettings};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let mut run = RunBuilder::new("r");
/// run.push("op_start", Some("main"), &[], "{}");
/// run.push("op_start", Some("debug.probe"), &[], "{}");
/// run.push("op_end", Some("debug.probe"), &[], r#"{"status":"error"}"#);
/// run.push("op_end", Some("main"), &[], "{}");
///
/// let mut chain = Chain::new(vec![Box::new(DropOps::new(&OpFilterSettings::of(["debug.*"]))?)]);
/// let mut left = Vec::new();
/// for event in run.into_events() {
///     chain.process(event, &mut |event| left.push(event.op_name));
/// }
/// assert_eq!(left, [Some("main".into()), Some("main".into())]);
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct DropOps(OpFilter);

impl DropOps {
    /// The name in configurations.
    pub const NAME: &str = "drop_ops";

    /// Makes the processor.
    pub fn new(settings: &OpFilterSettings) -> Result<Self, SettingsError> {
        OpFilter::new(settings, true).map(Self)
    }
}

/// Leaves out every op but those with certain names; in all else it is as [`DropOps`].
///
/// ```
/// use runtrail_core::process::{Chain, KeepOps, OpFilterSettings};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let mut run = RunBuilder::new("r");
/// run.push("group_start", None, &[], r#"{"name":"turn"}"#);
/// run.push("op_start", Some("main.llm"), &[], "{}");
/// run.push("op_start", Some("main.parse"), &[], "{}");
///
/// let mut chain = Chain::new(vec![Box::new(KeepOps::new(&OpFilterSettings::of(["*.llm"]))?)]);
/// let mut left = Vec::new();
/// for event in run.into_events() {
///     chain.process(event, &mut |event| left.push(event.kind.to_string()));
/// }
/// assert_eq!(left, ["group_start", "op_start"]);
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct KeepOps(OpFilter);

impl KeepOps {
    /// The name in configurations.
    pub const NAME: &str = "keep_ops";

    /// Makes the processor.
    pub fn new(settings: &OpFilterSettings) -> Result<Self, SettingsError> {
        OpFilter::new(settings, false).map(Self)
    }
}

struct OpFilter {
    patterns: Vec<NamePattern>,
    drops_named: bool,
    runs: Runs<Lift>,
    limits: StateLimits,
}

impl OpFilter {
    fn new(settings: &OpFilterSettings, drops_named: bool) -> Result<Self, SettingsError> {
        Ok(Self {
            patterns: patterns("ops", &settings.ops)?,
            drops_named,
            runs: Runs::new(settings.limits.max_runs),
            limits: settings.limits,
        })
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        let lift = self.runs.get(&event.request_id);
        if !self.leaves_out(&event) && !lift.is_some_and(|lift| lift.owns(&event)) {
            let event = match lift {
                Some(lift) => lift.lift(event),
                None => event,
            };
            out.forward(event);
            return;
        }
        if event.kind == EventKind::OpStart {
            match self.runs.get_or(&event.request_id, Lift::default) {
                Some(lift) => lift.leave_out(&event, self.limits.max_left_out),
                None => out.limited(),
            }
        }
        out.discard(&event, Discard::Filtered);
    }

    fn leaves_out(&self, event: &TraceEvent) -> bool {
        let is_group = matches!(event.kind, EventKind::GroupStart | EventKind::GroupEnd);
        event.op_name.as_deref().is_some_and(|name| {
            !is_group && self.drops_named == self.patterns.iter().any(|p| p.matches(name))
        })
    }
}

macro_rules! filters {
    ($filter:ident) => {
        impl Processor for $filter {
            fn name(&self) -> &str {
                Self::NAME
            }

            fn process(&mut self, event: TraceEvent, out: &mut Output) {
                self.0.process(event, out);
            }

            fn finish(&mut self, request_id: &Text, _out: &mut Output) {
                self.0.runs.take(request_id);
            }

            fn held(&self) -> u64 {
                0
            }
        }
    };
}

filters!(DropOps);
filters!(KeepOps);
