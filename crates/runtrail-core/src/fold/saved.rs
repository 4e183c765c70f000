//! The state of a run's fold as text, and back.

use serde::{Deserialize, Serialize};

use super::FoldLimits;
use super::content::{HeldBytes, Metadata};
use super::name::{Names, SavedName};
use super::opener::Openers;
use super::run::{Counts, RunFold, Tables};
use super::scope::{SavedScope, Scopes};
use super::slot::{Slot, SpanIndex};
use crate::link::Link;
use crate::span::{Anomalies, LlmCall, Usage};
use crate::text::Text;
use crate::time::Timestamp;
use crate::wire::{WireOptions, WireReader, event_to_json};

/// Names this form of the state. What another version saved is refused.
const VERSION: u32 = 1;

/// Why a saved state is not one to continue from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The text is not a state of this form.
    #[error("not a saved state: {0}")]
    Malformed(String),
    /// Another version of this crate saved it.
    #[error("the state is of form {0}, and this version reads form {VERSION}")]
    Version(u32),
    /// It belongs to another namespace, so that its span ids are others.
    #[error("the state belongs to another namespace")]
    Namespace,
    /// Its parts do not hold together.
    #[error("the state contradicts itself: {0}")]
    Inconsistent(&'static str),
}

#[derive(Serialize, Deserialize)]
struct SavedRun {
    version: u32,
    namespace: String,
    request_id: Text,
    limits: FoldLimits,
    slots: Vec<Slot>,
    scopes: Vec<SavedScope>,
    names: Vec<SavedName>,
    openers: Vec<String>,
    open_groups: Vec<SpanIndex>,
    held: HeldBytes,
    metadata: Metadata,
    counts: Counts,
    usage: Usage,
    stray_calls: Vec<LlmCall>,
    links: Vec<Link>,
    anomalies: Anomalies,
    times: Option<(Timestamp, Timestamp)>,
    last: Option<String>,
}

impl RunFold {
    /// Returns the state as JSON; `None` only where it has no JSON form, which no state lacks.
    pub(super) fn save(&mut self, namespace: &str) -> Option<String> {
        self.settle();
        let run = SavedRun {
            version: VERSION,
            namespace: namespace.to_owned(),
            request_id: self.request_id().clone(),
            limits: self.limits,
            slots: std::mem::take(&mut self.tables.slots),
            scopes: self.tables.scopes.save(),
            names: self.tables.names.save(),
            openers: self.tables.openers.save(),
            open_groups: self.tables.open_groups.clone(),
            held: self.held.clone(),
            metadata: std::mem::take(&mut self.metadata),
            counts: self.counts,
            usage: self.usage.clone(),
            stray_calls: self.stray_calls.clone(),
            links: self.links.clone(),
            anomalies: self.anomalies.clone(),
            times: self.times,
            last: self.last.as_ref().map(event_to_json),
        };
        let state = serde_json::to_string(&run).ok();
        // What is large was lent, not copied.
        self.tables.slots = run.slots;
        self.metadata = run.metadata;
        state
    }
}

/// Makes the fold that a state was saved of.
pub(super) fn restore(state: &str, namespace: &str) -> Result<Box<RunFold>, RestoreError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let malformed = |error: serde_json::Error| RestoreError::Malformed(error.to_string());
    let Version { version } = serde_json::from_str(state).map_err(malformed)?;
    if version != VERSION {
        return Err(RestoreError::Version(version));
    }
    let saved: SavedRun = serde_json::from_str(state).map_err(malformed)?;
    if saved.namespace != namespace {
        return Err(RestoreError::Namespace);
    }
    check(&saved).map_err(RestoreError::Inconsistent)?;
    let mut openers = Openers::default();
    for (at, id) in saved.openers.iter().enumerate() {
        let index = SpanIndex::nth(at).ok_or(RestoreError::Inconsistent("too many spans"))?;
        openers.push(index, id);
    }
    let last = match saved.last {
        Some(last) => Some(read_event(last)?),
        None => None,
    };
    let mut run = Box::new(RunFold::new(namespace, saved.request_id, saved.limits));
    run.open_spans = saved.slots.iter().filter(|slot| slot.is_open()).count();
    run.tables = Tables {
        slots: saved.slots,
        scopes: Scopes::restore(saved.scopes)
            .ok_or(RestoreError::Inconsistent("the scopes are no tree"))?,
        names: Names::restore(saved.names)
            .ok_or(RestoreError::Inconsistent("a name is there twice"))?,
        openers,
        open_groups: saved.open_groups,
        ..Tables::default()
    };
    run.held = saved.held;
    run.metadata = saved.metadata;
    run.counts = saved.counts;
    run.usage = saved.usage;
    run.stray_calls = saved.stray_calls;
    run.links = saved.links;
    run.anomalies = saved.anomalies;
    run.times = saved.times;
    run.last = last;
    Ok(run)
}

fn read_event(line: String) -> Result<crate::event::TraceEvent, RestoreError> {
    let options = WireOptions {
        max_depth: 1024,
        ..WireOptions::default()
    };
    let event = WireReader::new(options).read(&Text::new(line));
    event.map_err(|error| RestoreError::Malformed(error.to_string()))
}

/// Checks that whatever is named by its number is there, and that no chain comes back to itself.
fn check(saved: &SavedRun) -> Result<(), &'static str> {
    let spans = saved.slots.len();
    let is_span = |index: Option<SpanIndex>| index.is_none_or(|index| index.get() < spans);
    for (at, slot) in saved.slots.iter().enumerate() {
        let links = [
            slot.parent,
            slot.group,
            slot.before_in_name,
            slot.before_in_scope,
        ];
        let before = |index: &SpanIndex| index.get() < at;
        if !links.iter().flatten().all(before) {
            return Err("a span refers to one that comes after it");
        }
        if slot.name >= saved.names.len() {
            return Err("a span has no name");
        }
        if let Some(draft) = slot.draft_ref() {
            let metadata = draft.metadata.as_ref().map_or(0, |kept| kept.held_bytes());
            let item = draft
                .record
                .yields
                .last_value
                .as_ref()
                .map_or(0, |item| item.len());
            if draft.scope >= saved.scopes.len() || draft.held < metadata + item {
                return Err("an open span is not whole");
            }
        }
    }
    let names = saved.names.iter();
    if !names.clone().all(|name| is_span(name.open)) {
        return Err("a name refers to no span");
    }
    if names
        .clone()
        .any(|name| name.scope.is_some_and(|scope| scope >= saved.scopes.len()))
    {
        return Err("a name is in no scope");
    }
    let mut heres = saved.scopes.iter().map(|scope| scope.here);
    if saved.scopes.is_empty()
        || !heres.all(|here| is_span(here.open_op) && is_span(here.introduced_by))
    {
        return Err("a scope refers to no span");
    }
    if saved.openers.len() != spans || !saved.open_groups.iter().all(|group| is_span(Some(*group)))
    {
        return Err("the spans are not all there");
    }
    Ok(())
}
