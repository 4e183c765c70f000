//! The runs that are being folded, by their ids.

use super::run::RunFold;
use super::{FoldLimits, Map};
use crate::text::Text;

/// How many finished folds are kept for the runs to come.
const SPARE: usize = 8;

/// The folds of the open runs.
///
/// Events mostly come run by run, or in stretches of a run: the fold that was used last is tried
/// before an id is looked up, and a new run takes over the room of a finished one.
#[derive(Debug, Default)]
pub(super) struct Runs {
    folds: Vec<Option<Box<RunFold>>>,
    /// Places in `folds` that are vacant.
    vacant: Vec<usize>,
    by_id: Map<Text, usize>,
    last: usize,
    #[expect(
        clippy::vec_box,
        reason = "a fold is large, and goes to and fro in its box"
    )]
    spare: Vec<Box<RunFold>>,
}

impl Runs {
    /// Finds the fold of a run, making it where the run is new.
    #[inline]
    pub(super) fn of(
        &mut self,
        request_id: &Text,
        namespace: &str,
        limits: FoldLimits,
    ) -> Option<&mut RunFold> {
        let last = self.folds.get(self.last).and_then(Option::as_ref);
        if last.is_none_or(|last| last.request_id() != request_id) {
            self.last = match self.by_id.get(request_id.as_str()) {
                Some(&at) => at,
                None => self.add(request_id.detached(), namespace, limits),
            };
        }
        self.folds.get_mut(self.last)?.as_deref_mut()
    }

    fn add(&mut self, request_id: Text, namespace: &str, limits: FoldLimits) -> usize {
        let fold = match self.spare.pop() {
            Some(mut fold) => {
                fold.restart(namespace, request_id.clone());
                fold
            }
            None => Box::new(RunFold::new(namespace, request_id.clone(), limits)),
        };
        let at = self.vacant.pop().unwrap_or_else(|| {
            self.folds.push(None);
            self.folds.len() - 1
        });
        self.folds[at] = Some(fold);
        self.by_id.insert(request_id, at);
        at
    }

    /// Finds the fold of a run that is being folded.
    pub(super) fn find(&self, request_id: &str) -> Option<&RunFold> {
        let at = *self.by_id.get(request_id)?;
        self.folds.get(at)?.as_deref()
    }

    /// As [`Runs::find`], to change it.
    pub(super) fn find_mut(&mut self, request_id: &str) -> Option<&mut RunFold> {
        let at = *self.by_id.get(request_id)?;
        self.folds.get_mut(at)?.as_deref_mut()
    }

    /// Puts a fold in, in place of one of the same run.
    pub(super) fn put(&mut self, fold: Box<RunFold>) {
        let request_id = fold.request_id().clone();
        self.take(&request_id);
        let at = self.vacant.pop().unwrap_or_else(|| {
            self.folds.push(None);
            self.folds.len() - 1
        });
        self.folds[at] = Some(fold);
        self.by_id.insert(request_id, at);
    }

    /// Takes the fold of a run out.
    pub(super) fn take(&mut self, request_id: &str) -> Option<Box<RunFold>> {
        let at = self.by_id.remove(request_id)?;
        self.vacant.push(at);
        self.folds[at].take()
    }

    /// Keeps the room of a finished fold, if it is worth keeping.
    pub(super) fn keep(&mut self, fold: Box<RunFold>) {
        if self.spare.len() < SPARE && fold.is_small() {
            self.spare.push(fold);
        }
    }

    /// How many folds are kept for the runs to come.
    #[cfg(test)]
    pub(super) fn spare(&self) -> usize {
        self.spare.len()
    }

    /// Returns the ids of all runs, in no order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &Text> {
        self.by_id.keys()
    }
}
