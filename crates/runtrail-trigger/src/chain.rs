//! Following links from run to run, back to what began it all and on to what came of it.

use std::collections::HashSet;
use std::vec;

use runtrail_core::text::Text;

use crate::error::StoreError;
use crate::query::{Limit, LinkQuery};
use crate::record::LinkRecord;
use crate::store::TriggerStore;

/// How far a [`Chain`] is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainLimits {
    /// Runs in a row, each way.
    pub max_depth: u32,
    /// Links in all.
    pub max_links: usize,
}

impl Default for ChainLimits {
    /// 64 runs in a row and 1,000 links: more than a person looks at.
    fn default() -> Self {
        Self {
            max_depth: 64,
            max_links: 1000,
        }
    }
}

/// What led to a run, and what it led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The run.
    pub request_id: Text,
    /// What started the run, each followed by what started the run that it came from, and so on.
    pub before: Vec<Step>,
    /// What the run started, each followed by what that run started, and so on.
    pub after: Vec<Step>,
    /// Whether a limit left something out.
    pub truncated: bool,
}

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How many links it is away from the run, from 1.
    pub depth: u32,
    /// The link.
    pub link: LinkRecord,
}

#[derive(Clone, Copy)]
enum Way {
    Back,
    On,
}

/// Follows the links of a run both ways, depth first.
///
/// A run that is met again, as in a circle, is not followed again; no link is there twice. Links
/// that are written meanwhile may or may not be there.
pub fn chain(
    store: &dyn TriggerStore,
    request_id: &str,
    limits: ChainLimits,
) -> Result<Chain, StoreError> {
    let mut walk = Walk {
        store,
        limits,
        seen: HashSet::new(),
        truncated: false,
    };
    let before = walk.follow(request_id, Way::Back)?;
    let after = walk.follow(request_id, Way::On)?;
    Ok(Chain {
        request_id: request_id.into(),
        before,
        after,
        truncated: walk.truncated,
    })
}

struct Walk<'s> {
    store: &'s dyn TriggerStore,
    limits: ChainLimits,
    seen: HashSet<LinkRecord>,
    truncated: bool,
}

impl Walk<'_> {
    fn follow(&mut self, request_id: &str, way: Way) -> Result<Vec<Step>, StoreError> {
        let mut met = HashSet::from([Text::from(request_id)]);
        let mut steps = Vec::new();
        let mut stack = vec![self.links(request_id, way)?];
        while let Some(links) = stack.last_mut() {
            let Some(link) = links.next() else {
                stack.pop();
                continue;
            };
            if self.seen.contains(&link) {
                continue;
            }
            if self.seen.len() == self.limits.max_links {
                self.truncated = true;
                break;
            }
            let next = match way {
                Way::Back => link.link.source.request_id().cloned(),
                Way::On => Some(link.to_request_id.clone()),
            };
            let depth = stack.len() as u32;
            self.seen.insert(link.clone());
            steps.push(Step { depth, link });
            let Some(next) = next.filter(|next| met.insert(next.clone())) else {
                continue;
            };
            let further = self.links(&next, way)?;
            if depth < self.limits.max_depth {
                stack.push(further);
            } else {
                self.truncated |= further.len() > 0;
            }
        }
        Ok(steps)
    }

    fn links(
        &mut self,
        request_id: &str,
        way: Way,
    ) -> Result<vec::IntoIter<LinkRecord>, StoreError> {
        let query = match way {
            Way::Back => LinkQuery::To(request_id.into()),
            Way::On => LinkQuery::FromRun(request_id.into()),
        };
        let found = self.store.links(&query, Limit::MAX)?;
        self.truncated |= found.truncated;
        Ok(found.links.into_iter())
    }
}
