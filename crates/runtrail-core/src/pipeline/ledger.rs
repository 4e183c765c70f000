//! What is open in each run, after the processors; the only place that writes `truncated`.
//!
//! What leaves the ledger is balanced: every opener is followed by exactly one end. An end of
//! nothing, or of what ended already, goes no further, nor does a second opener of what is open; when
//! a run ends, what is open is closed, innermost first.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use super::cause::DropCause;
use super::clock::timestamp;
use super::recorded::Place;
use super::resolve::{Map, RunEnded};
use crate::event::{Ctx, EventKind, Payload, Status, TraceEvent, View};
use crate::json::{RawJson, push_string};
use crate::text::Text;

/// Ends that a run remembers by their opener, to tell a second end from one of nothing.
const MAX_ENDED: usize = 1024;

/// What was open when its run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncated {
    /// The run.
    pub request_id: Text,
    /// The op's or the group's name.
    pub name: Text,
    /// The op's ctx; empty for a group.
    pub ctx: Ctx,
    /// Whether it is a group.
    pub is_group: bool,
}

#[derive(Debug)]
struct Open {
    order: u64,
    name: Text,
    ctx: Ctx,
    is_group: bool,
}

/// An opener's event id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// The run's prefix and this number: what the emitter writes, kept without an allocation and
    /// without keeping the opener's chunk alive.
    Numbered(u64),
    Text(Text),
}

#[derive(Debug, Default)]
struct RunLedger {
    /// What the ids of the run's openers begin with, up to their number.
    prefix: Option<Text>,
    open: Map<Key, Open>,
    opened: u64,
    ended: VecDeque<Key>,
}

/// Follows what is open.
#[derive(Debug)]
pub(crate) struct Ledger {
    runs: Map<Text, RunLedger>,
    max_open: usize,
}

impl Ledger {
    pub(crate) fn new(max_open: usize) -> Self {
        Self {
            runs: Map::default(),
            max_open,
        }
    }

    /// Takes note of an event, or says why it must go no further; returns the opener of an end that
    /// names none.
    pub(crate) fn admit(&mut self, event: &TraceEvent) -> Result<Option<Text>, DropCause> {
        let is_end = match event.kind {
            EventKind::OpStart | EventKind::GroupStart => false,
            EventKind::OpEnd | EventKind::GroupEnd => true,
            _ => return Ok(None),
        };
        let run = match self.runs.get_mut(&event.request_id) {
            Some(run) => run,
            None if is_end => return Err(DropCause::Unopened),
            None => self.runs.entry(event.request_id.detached()).or_default(),
        };
        if is_end {
            run.end(event)
        } else {
            run.open(event, self.max_open).map(|()| None)
        }
    }

    /// Takes note of an opener that is no event yet, or says why it must go no further.
    pub(super) fn open(
        &mut self,
        request_id: &Text,
        id: &Text,
        place: &Place,
    ) -> Result<(), DropCause> {
        let run = match self.runs.get_mut(request_id) {
            Some(run) => run,
            None => self.runs.entry(request_id.detached()).or_default(),
        };
        let (name, ctx) = (place.name.clone(), place.ctx.clone());
        run.insert(id, name, ctx, place.is_group, self.max_open)
    }

    /// Takes note of the end of what has this id, or says why it must go no further.
    pub(super) fn end(&mut self, request_id: &Text, id: &Text) -> Result<(), DropCause> {
        let run = self.runs.get_mut(request_id);
        run.ok_or(DropCause::Unopened)?.end_of(id)
    }

    /// Closes what is open in a run that is over.
    pub(crate) fn finish(
        &mut self,
        ended: &RunEnded,
        closers: &mut Vec<TraceEvent>,
    ) -> Vec<Truncated> {
        let Some(run) = self.runs.remove(&ended.request_id) else {
            return Vec::new();
        };
        let mut open: Vec<_> = run.open.into_iter().collect();
        open.sort_unstable_by_key(|(_, open)| std::cmp::Reverse(open.order));
        let numbered = open.into_iter().zip(ended.next_seq..);
        numbered
            .map(|((key, open), seq)| {
                let opener_id = key.into_id(run.prefix.as_ref());
                closers.push(closer(ended, &opener_id, &open, seq));
                Truncated {
                    request_id: ended.request_id.clone(),
                    name: open.name,
                    ctx: open.ctx,
                    is_group: open.is_group,
                }
            })
            .collect()
    }
}

impl RunLedger {
    fn open(&mut self, event: &TraceEvent, max_open: usize) -> Result<(), DropCause> {
        let is_group = event.kind == EventKind::GroupStart;
        let (name, ctx) = if is_group {
            (group_name(event), Ctx::default())
        } else {
            (kept(event.op_name.as_ref()), event.ctx.clone())
        };
        self.insert(&event.event_id, name, ctx, is_group, max_open)
    }

    fn insert(
        &mut self,
        id: &Text,
        name: Text,
        ctx: Ctx,
        is_group: bool,
        max_open: usize,
    ) -> Result<(), DropCause> {
        if self.open.len() >= max_open {
            return Err(DropCause::OpenLimit);
        }
        let open = Open {
            order: self.opened,
            name,
            ctx: if is_group { Ctx::default() } else { ctx },
            is_group,
        };
        self.opened += 1;
        if self.prefix.is_none() {
            self.prefix = split_number(id).map(|(prefix, _)| Text::new(prefix));
        }
        match self.open.entry(self.key(id)) {
            Entry::Occupied(_) => Err(DropCause::SecondStart),
            Entry::Vacant(vacant) => {
                vacant.insert(open);
                Ok(())
            }
        }
    }

    fn end_of(&mut self, id: &str) -> Result<(), DropCause> {
        let key = self.key(id);
        match self.open.remove_entry(&key) {
            Some((id, _)) => {
                self.remember(id);
                Ok(())
            }
            None if self.ended.contains(&key) => Err(DropCause::SecondEnd),
            None => Err(DropCause::Unopened),
        }
    }

    fn end(&mut self, event: &TraceEvent) -> Result<Option<Text>, DropCause> {
        let view = event.view();
        if let Some(id) = view.opener_id() {
            return self.end_of(&id).map(|()| None);
        }
        let found = match view {
            View::GroupEnd(_) => {
                let name = group_name(event);
                self.latest(|open| open.is_group && open.name == name)
            }
            _ => self.latest(|open| {
                !open.is_group
                    && Some(&open.name) == event.op_name.as_ref()
                    && open.ctx == event.ctx
            }),
        };
        let id = found.ok_or(DropCause::Unopened)?;
        self.open.remove(&id);
        self.remember(id.clone());
        Ok(Some(id.into_id(self.prefix.as_ref())))
    }

    fn key(&self, id: &str) -> Key {
        let numbered = self.prefix.as_ref().and_then(|prefix| {
            let number = id.strip_prefix(prefix.as_str())?;
            canonical_number(number)
        });
        numbered.map_or_else(|| Key::Text(Text::new(id)), Key::Numbered)
    }

    fn remember(&mut self, id: Key) {
        if self.ended.len() >= MAX_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(id);
    }

    fn latest(&self, is_it: impl Fn(&Open) -> bool) -> Option<Key> {
        let found = self.open.iter().filter(|(_, open)| is_it(open));
        found
            .max_by_key(|(_, open)| open.order)
            .map(|(id, _)| id.clone())
    }
}

impl Key {
    fn into_id(self, prefix: Option<&Text>) -> Text {
        match self {
            Self::Text(id) => id,
            Self::Numbered(number) => {
                Text::new(format!("{}{number}", prefix.map_or("", |prefix| prefix)))
            }
        }
    }
}

/// Splits an id that ends in a hyphen and a number.
fn split_number(id: &str) -> Option<(&str, u64)> {
    let (prefix, number) = id.split_at(id.rfind('-')? + 1);
    Some((prefix, canonical_number(number)?))
}

/// Reads a number that is written as this crate writes it, so that writing it gives the same text.
fn canonical_number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let leads = text.len() > 1 && text.starts_with('0');
    if plain && !leads {
        text.parse().ok()
    } else {
        None
    }
}

/// A name that is kept: one that is shared stays so, a slice of a large chunk is copied out of it.
fn kept(name: Option<&Text>) -> Text {
    name.map(Text::detached).unwrap_or_default()
}

fn group_name(event: &TraceEvent) -> Text {
    let name = match event.view() {
        View::GroupStart(view) => view.name,
        View::GroupEnd(view) => view.name,
        _ => None,
    };
    Text::new(&*name.and_then(RawJson::as_str).unwrap_or_default())
}

fn closer(ended: &RunEnded, opener_id: &Text, open: &Open, seq: u64) -> TraceEvent {
    let status = Status::Truncated.as_str();
    let mut payload = String::from("{");
    if open.is_group {
        payload.push_str("\"name\":");
        push_string(&mut payload, &open.name);
        payload.push(',');
    }
    payload.push_str(&format!("\"status\":\"{status}\",\"opener_id\":"));
    push_string(&mut payload, opener_id);
    payload.push('}');
    let kind = if open.is_group {
        EventKind::GroupEnd
    } else {
        EventKind::OpEnd
    };
    TraceEvent {
        event_id: ended.ids.id(seq),
        request_id: ended.request_id.clone(),
        payload: Payload::found(&kind, Text::new(payload)),
        kind,
        op_name: (!open.is_group).then(|| open.name.clone()),
        ctx: open.ctx.clone(),
        timestamp: timestamp(ended.nanos),
        seq,
        extra: None,
    }
}
