//! Folding many equal siblings into one line.

use std::collections::{BTreeMap, HashMap};

use super::outline::Outline;
use crate::glyph::State;

/// As many equal siblings side by side are shown one by one.
const SIDE_BY_SIDE: usize = 8;
/// As many equal siblings with others between them are: the order of a conversation is worth its
/// lines, that of a thousand items is not.
const SCATTERED: usize = 16;
/// How many of a fan that did not end well are shown as well.
const MAX_TROUBLE: usize = 3;

/// What stands at one place below a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// An item.
    One(usize),
    /// Many equal siblings.
    Fan(Fan),
    /// How many more of a fan did not end well.
    MoreTrouble(usize),
}

/// Siblings with one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fan {
    pub(super) items: Vec<usize>,
    /// How many of them did not end well, or hold something that did not, by the worst of it.
    pub(super) trouble: BTreeMap<State, usize>,
}

/// Arranges siblings; those of a fan that did not end well follow it, the first few of them, unless they are
/// open like the whole.
pub(super) fn arrange(outline: &Outline<'_>, siblings: &[usize], expand: bool) -> Vec<Place> {
    if expand || siblings.len() <= SIDE_BY_SIDE {
        return siblings.iter().map(|&item| Place::One(item)).collect();
    }
    let mut by_kind: HashMap<(bool, &str), Vec<usize>> = HashMap::new();
    for &item in siblings {
        by_kind
            .entry(outline.items[item].kind())
            .or_default()
            .push(item);
    }
    let mut places = Vec::new();
    let mut rest = siblings;
    while let Some(&first) = rest.first() {
        let kind = outline.items[first].kind();
        let stretch = rest
            .iter()
            .take_while(|&&item| outline.items[item].kind() == kind)
            .count();
        let (here, behind) = rest.split_at(stretch);
        rest = behind;
        let all = by_kind
            .get_mut(&kind)
            .filter(|all| all.is_empty() || all.len() > SCATTERED);
        match all {
            // What an earlier line stands for is not shown again.
            Some(all) if all.is_empty() => {}
            Some(all) => fold(outline, std::mem::take(all), &mut places),
            None if stretch > SIDE_BY_SIDE => fold(outline, here.to_vec(), &mut places),
            None => places.extend(here.iter().map(|&item| Place::One(item))),
        }
    }
    places
}

fn fold(outline: &Outline<'_>, items: Vec<usize>, places: &mut Vec<Place>) {
    let mut fan = Fan {
        items,
        trouble: BTreeMap::new(),
    };
    let state = fan.state(outline);
    let mut trouble = Vec::new();
    for &item in &fan.items {
        let worst = outline.items[item].worst;
        if worst == State::Ok {
            continue;
        }
        *fan.trouble.entry(worst).or_default() += 1;
        // There is nothing more to be told of what has not ended yet.
        if worst != State::Open || state != State::Open {
            trouble.push(item);
        }
    }
    places.push(Place::Fan(fan));
    places.extend(
        trouble
            .iter()
            .take(MAX_TROUBLE)
            .map(|&item| Place::One(item)),
    );
    if trouble.len() > MAX_TROUBLE {
        places.push(Place::MoreTrouble(trouble.len() - MAX_TROUBLE));
    }
}

impl Fan {
    /// Returns the name of all of them.
    pub(super) fn name(&self, outline: &Outline<'_>) -> String {
        self.items
            .first()
            .map(|&item| outline.name(item).to_owned())
            .unwrap_or_default()
    }

    /// Returns how most of them stand.
    pub(super) fn state(&self, outline: &Outline<'_>) -> State {
        let ok = self
            .items
            .iter()
            .filter(|&&item| outline.items[item].state == State::Ok)
            .count();
        let other = self
            .items
            .iter()
            .map(|&item| outline.items[item].state)
            .find(|state| *state != State::Ok);
        if ok * 2 >= self.items.len() {
            State::Ok
        } else {
            other.unwrap_or(State::Ok)
        }
    }

    /// Whether all of them are open and nothing below them is worse: the state of the whole says so.
    pub(super) fn is_open(&self, outline: &Outline<'_>) -> bool {
        let open = self.trouble.get(&State::Open);
        self.state(outline) == State::Open && open == Some(&self.items.len())
    }

    /// Returns the median and the 95th percentile of how long they took, in milliseconds.
    pub(super) fn percentiles(&self, outline: &Outline<'_>) -> Option<(f64, f64)> {
        let mut took: Vec<f64> = self
            .items
            .iter()
            .filter_map(|&item| outline.items[item].took())
            .collect();
        took.sort_by(f64::total_cmp);
        // The nearest rank: a time that was really taken, not one between two.
        let rank = |share: usize| (took.len() * share).div_ceil(100).saturating_sub(1);
        Some((*took.get(rank(50))?, *took.get(rank(95))?))
    }
}
