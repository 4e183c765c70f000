//! Choosing what satisfied the conditions of a trigger that needs them all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use runtrail_core::link::Source;
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use crate::record::TriggerRunParticipant;

/// What is known of a source: how many distinct conditions it satisfied, and when last.
#[derive(Default)]
struct Standing<'a> {
    conditions: BTreeSet<&'a Text>,
    latest: Timestamp,
}

/// Chooses one source for each condition, out of everything that satisfied any.
///
/// For a condition that several sources satisfied it is the source that satisfied most distinct
/// conditions, then the one that satisfied any of them latest, then the one whose kind and id come
/// first; where that one satisfied the condition several times, it is the latest time. So the
/// participants come from as few sources as the rule can see, rather than one from here and one
/// from there. They are handed out by condition; the order of the candidates does not matter.
///
/// ```
/// use runtrail_core::{link::Source, time::Timestamp};
/// use runtrail_trigger::{TriggerRunParticipant, coherent};
///
/// let by = |run: &str, condition: &str, second: i64| {
///     let source = Source::Run { request_id: run.into() };
///     TriggerRunParticipant::new(condition, source, Timestamp::from_micros(second * 1_000_000))
/// };
/// // `b` is later, but `a` satisfied both.
/// let chosen = coherent(vec![by("a", "done", 1), by("b", "done", 9), by("a", "paid", 2)]);
/// assert_eq!(chosen, [by("a", "done", 1), by("a", "paid", 2)]);
/// ```
pub fn coherent(candidates: Vec<TriggerRunParticipant>) -> Vec<TriggerRunParticipant> {
    let mut standings: BTreeMap<(String, Option<Text>), Standing<'_>> = BTreeMap::new();
    for candidate in &candidates {
        let standing = standings.entry(identity(&candidate.source)).or_default();
        if standing.conditions.insert(&candidate.condition_id) && standing.conditions.len() == 1 {
            standing.latest = candidate.at;
        }
        standing.latest = standing.latest.max(candidate.at);
    }
    let rank = |candidate: &TriggerRunParticipant| {
        let identity = identity(&candidate.source);
        let standing = standings.get(&identity);
        let conditions = standing.map_or(0, |standing| standing.conditions.len());
        let latest = standing.map_or(candidate.at, |standing| standing.latest);
        (
            Reverse(conditions),
            Reverse(latest),
            identity,
            Reverse(candidate.at),
        )
    };
    let mut best: BTreeMap<&Text, (_, usize)> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let rank = rank(candidate);
        match best.get(&candidate.condition_id) {
            Some((other, _)) if *other <= rank => {}
            _ => {
                best.insert(&candidate.condition_id, (rank, index));
            }
        }
    }
    let chosen: Vec<usize> = best.into_values().map(|(_, index)| index).collect();
    let mut candidates: Vec<Option<TriggerRunParticipant>> =
        candidates.into_iter().map(Some).collect();
    chosen
        .into_iter()
        .filter_map(|index| candidates.get_mut(index)?.take())
        .collect()
}

/// Who a source is, whatever else is known of it.
fn identity(source: &Source) -> (String, Option<Text>) {
    (source.kind().to_owned(), source.id().cloned())
}
