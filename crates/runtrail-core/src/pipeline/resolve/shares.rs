//! Texts and paths that the events of one batch share with nobody else.
//!
//! A reference count that the worker raises while exporters' threads lower it costs both of them a
//! trip between cores for every event. So a batch has its own copy of each run id, op name and ctx,
//! and the counts that both sides touch are touched at different times.

use std::ops::Range;

use crate::event::Ctx;
use crate::text::Text;

/// Copies that are looked for before another one is made.
const KEPT: usize = 16;

/// The copies of the batch that is being made.
#[derive(Debug, Default)]
pub(super) struct Shares {
    texts: Vec<(Text, Range<usize>)>,
    paths: Vec<(Ctx, Ctx)>,
    next: usize,
}

impl Shares {
    /// Returns where a text stands in the batch's buffer, after putting it there if need be.
    pub(super) fn text(&mut self, text: &Text, buffer: &mut Vec<u8>) -> Range<usize> {
        let known = self.texts.iter().find(|(known, _)| known.same_slice(text));
        if let Some((_, range)) = known {
            return range.clone();
        }
        let start = buffer.len();
        buffer.extend_from_slice(text.as_bytes());
        let range = start..buffer.len();
        keep(
            &mut self.texts,
            &mut self.next,
            (text.clone(), range.clone()),
        );
        range
    }

    /// Returns the batch's copy of a path.
    pub(super) fn path(&mut self, path: &Ctx) -> Ctx {
        let known = self
            .paths
            .iter()
            .find(|(known, _)| known.same_allocation(path));
        if let Some((_, copy)) = known {
            return copy.clone();
        }
        let copy = Ctx::new(path.segments().iter().cloned());
        keep(
            &mut self.paths,
            &mut self.next,
            (path.clone(), copy.clone()),
        );
        copy
    }

    /// Begins another batch.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.paths.clear();
    }
}

fn keep<T>(kept: &mut Vec<T>, next: &mut usize, entry: T) {
    if kept.len() < KEPT {
        kept.push(entry);
    } else if let Some(slot) = kept.get_mut(*next % KEPT) {
        *slot = entry;
        *next = next.wrapping_add(1);
    }
}
