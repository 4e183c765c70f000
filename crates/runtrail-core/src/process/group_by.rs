//! Groups where the engine made none.

mod boundary;

pub use boundary::{Boundary, EventMatch};

use super::groups::Groups;
use super::moment::Moment;
use super::runs::Runs;
use super::{Output, Processor, SettingsError, StateLimits};
use crate::event::{EventKind, OpEnd, Status, TraceEvent, View};
use crate::json::{RawJson, push_string};
use crate::text::Text;
use crate::time::Timestamp;

/// How [`GroupBy`] groups.
#[derive(Debug)]
pub struct GroupBySettings {
    /// What the groups' names begin with; a hyphen and the group's number, from 0, follow.
    pub group: String,
    /// Where a group ends and the next one begins.
    pub boundary: Boundary,
    /// What may be remembered.
    pub limits: StateLimits,
}

impl GroupBySettings {
    /// Groups named `group-0`, `group-1` and so on.
    pub fn new(boundary: Boundary) -> Self {
        Self {
            group: "group".to_owned(),
            boundary,
            limits: StateLimits::default(),
        }
    }
}

/// Divides each run into groups, over any number of batches.
///
/// A group's start stands at its first event, and its end at its last one, which is known when the
/// next event comes or the run ends; so the end comes out then. Events of one timestamp and `seq`
/// are never parted. Groups of the stream itself and notes on them neither begin nor end a group;
/// a group that ends takes those made inside it along. A group is an error where an op ended with
/// one in it. At the end of the run the last group ends, unless ops are still open: then it stays
/// open like them, to be closed with them as truncated.
///
/// A made event's id is that of the event it stands at, `~` and more. A run beyond
/// [`StateLimits::max_runs`] is not grouped.
///
/// ```
/// use runtrail_core::process::{Boundary, Chain, EventMatch, GroupBy, GroupBySettings};
/// # use runtrail_testkit::{run::RunBuilder, fold::fold_runs};
///
/// let mut run = RunBuilder::new("r");
/// for _ in 0..4 {
///     run.push("op_start", Some("llm"), &[], "{}");
///     run.push("op_end", Some("llm"), &[], "{}");
/// }
/// let boundary = Boundary::StartsAt(EventMatch::kind("op_start").op("llm"));
/// let mut settings = GroupBySettings::new(boundary);
/// settings.group = "turn".into();
///
/// let mut chain = Chain::new(vec![Box::new(GroupBy::new(settings)?)]);
/// let mut events = Vec::new();
/// for event in run.into_events() {
///     chain.process(event, &mut |event| events.push(event));
/// }
/// chain.finish(&"r".into(), &mut |event| events.push(event));
/// assert_eq!(fold_runs(&events)[0].summary.groups, 4);
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct GroupBy {
    settings: GroupBySettings,
    runs: Runs<State>,
}

/// What is known of a run.
#[derive(Default)]
struct State {
    /// Groups that are not made here.
    others: Groups,
    open: Option<Open>,
    /// Groups begun.
    begun: u64,
    /// Ops that are open.
    open_ops: i64,
    last: Option<Moment>,
}

/// The group that is open.
struct Open {
    start_id: Text,
    name: String,
    started_at: Timestamp,
    key: Option<Text>,
    /// Groups of the stream that were open when it began.
    depth: usize,
    counted: u64,
    failed: bool,
    /// Whether it is to end before the next event.
    complete: bool,
}

impl GroupBy {
    /// The name in configurations.
    pub const NAME: &str = "group_by";

    /// Makes the processor.
    pub fn new(settings: GroupBySettings) -> Result<Self, SettingsError> {
        if settings.group.is_empty() {
            return Err(SettingsError::new("group", "is empty"));
        }
        settings.boundary.check()?;
        Ok(Self {
            runs: Runs::new(settings.limits.max_runs),
            settings,
        })
    }
}

impl Processor for GroupBy {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        let Some(state) = self.runs.get_or(&event.request_id, State::default) else {
            out.limited();
            out.forward(event);
            return;
        };
        let parts = state.last.as_ref().is_none_or(|last| !last.shares(&event));
        if parts && state.open.as_ref().is_some_and(|open| open.complete) {
            state.end(&event.request_id, out);
        }
        match event.kind {
            EventKind::GroupStart => {
                if !state.others.start(&event, self.settings.limits.max_open) {
                    out.limited();
                }
            }
            EventKind::GroupEnd => state.other_ends(&event, out),
            EventKind::Annotation if event.op_name.is_none() => {}
            _ => state.take(&event, parts, &self.settings, out),
        }
        state.last = Some(Moment::of(&event));
        out.forward(event);
    }

    fn finish(&mut self, request_id: &Text, out: &mut Output) {
        if let Some(mut state) = self.runs.take(request_id)
            && state.open_ops <= 0
        {
            state.end(request_id, out);
        }
    }

    fn held(&self) -> u64 {
        0
    }
}

impl State {
    /// Takes an event that may be a boundary.
    fn take(&mut self, event: &TraceEvent, parts: bool, how: &GroupBySettings, out: &mut Output) {
        let key = how.boundary.key(event);
        let begins = match (&self.open, &how.boundary) {
            (Some(open), Boundary::MaxDuration(_)) => {
                how.boundary.is_over(open.started_at, event.timestamp)
            }
            (Some(open), Boundary::KeyChange(_)) => key.is_some() && key != open.key,
            (None, Boundary::KeyChange(_)) => key.is_some(),
            (_, Boundary::StartsAt(first)) => first.matches(event),
            (None, _) => true,
            (Some(_), _) => false,
        };
        // A group's start comes before everything of its moment but another group's start.
        let first = self.open.is_none() && self.last.as_ref().is_some_and(|last| last.rank == 0);
        if begins && (parts || first) {
            self.end(&event.request_id, out);
            self.begin(event, key, how, out);
        }
        self.open_ops += match event.kind {
            EventKind::OpStart => 1,
            EventKind::OpEnd => -1,
            _ => 0,
        };
        if let Some(open) = &mut self.open {
            open.failed |= matches!(event.view(), View::OpEnd(end) if failed(&end));
            open.counted += u64::from(how.boundary.counts(event));
            open.complete |= how.boundary.ends_after(event, open.counted);
        }
    }

    fn begin(
        &mut self,
        event: &TraceEvent,
        key: Option<Text>,
        how: &GroupBySettings,
        out: &mut Output,
    ) {
        let name = format!("{}-{}", how.group, self.begun);
        self.begun += 1;
        let mut payload = String::from("{\"name\":");
        push_string(&mut payload, &name);
        if let Some(key) = &key {
            payload.push_str(",\"key\":");
            payload.push_str(key);
        }
        payload.push('}');
        // Another group may start at the same event: the inner one comes after it.
        let here = Moment::of(event);
        let outer = self
            .last
            .take_if(|last| last.shares(event) && last.rank == 0);
        let at = outer.as_ref().unwrap_or(&here);
        let start = at.make(&event.request_id, EventKind::GroupStart, &name, payload);
        self.open = Some(Open {
            start_id: start.event_id.clone(),
            name,
            started_at: event.timestamp,
            key,
            depth: self.others.depth(),
            counted: 0,
            failed: false,
            complete: false,
        });
        out.make(start);
    }

    fn end(&mut self, run: &Text, out: &mut Output) {
        let (Some(open), Some(last)) = (self.open.take(), &self.last) else {
            return;
        };
        let mut payload = String::from("{\"name\":");
        push_string(&mut payload, &open.name);
        let status = if open.failed {
            Status::Error
        } else {
            Status::Ok
        };
        payload.push_str(",\"status\":");
        push_string(&mut payload, status.as_str());
        payload.push_str(",\"opener_id\":");
        push_string(&mut payload, &open.start_id);
        payload.push('}');
        // Of two groups that end at the same event the inner one comes first.
        let inwards = 0xffff_usize.saturating_sub(open.depth);
        let suffix = format!("{inwards:04x}~{}", open.name);
        out.make(last.make(run, EventKind::GroupEnd, &suffix, payload));
    }

    /// Takes the end of a group that is not made here, and ends what was made inside it before.
    fn other_ends(&mut self, event: &TraceEvent, out: &mut Output) {
        let Some(at) = self.others.closed_by(event) else {
            return;
        };
        if self.open.as_ref().is_some_and(|open| at < open.depth) {
            self.end(&event.request_id, out);
        }
        self.others.close(at);
    }
}

/// Whether an op's end says that it failed.
pub(super) fn failed(end: &OpEnd<'_>) -> bool {
    let stated = end.status.filter(|status| !status.is_null());
    match stated
        .and_then(RawJson::as_str)
        .and_then(|name| Status::parse(&name))
    {
        Some(status) => status == Status::Error,
        None => end.error.is_some_and(|error| !error.is_null()),
    }
}
