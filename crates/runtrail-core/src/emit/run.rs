//! The handle of a run.

use std::sync::Arc;

use serde::Serialize;

use super::at::{At, REFUSED, send_plain};
use super::group::Group;
use super::op::Op;
use super::record::Kind;
use super::{local, scope};
use crate::event::Ctx;
use crate::pipeline::media::Media;
use crate::pipeline::shared::{CLOSED, find};

/// A run that is being recorded, or one that is not, at the price of one branch.
///
/// A clone is the same run. When the last clone is dropped the run ends: what is open in it is
/// closed as `truncated`, and what ops of it still record is dropped and counted.
#[derive(Debug, Clone)]
#[must_use = "the run ends when its last handle is dropped"]
pub struct Run {
    at: At,
    _alive: Option<Arc<Alive>>,
}

struct Alive {
    at: At,
    /// Where it is known as open, if there is a store for media.
    media: Option<Arc<Media>>,
}

impl std::fmt::Debug for Alive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.at.fmt(f)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let at = self.at;
        if let Some(media) = &self.media {
            media.end_run(at.run);
        }
        if send_plain(at, Kind::RunEnd, "") != REFUSED {
            return;
        }
        // Losing a run's end would keep the run open until shutdown.
        let shared = find(at.pipeline);
        let open = shared.filter(|shared| !shared.is(CLOSED) && !shared.is_forked());
        if let Some(shared) = open {
            shared.leave_ended(at.run);
        }
    }
}

impl Run {
    /// A run that records nothing.
    pub fn off() -> Self {
        Self {
            at: At::OFF,
            _alive: None,
        }
    }

    pub(crate) fn begin(
        pipeline: u64,
        number: u64,
        request_id: &str,
        media: Option<Arc<Media>>,
    ) -> Self {
        let at = At::of_run(pipeline, number);
        if send_plain(at, Kind::RunStart, request_id) == REFUSED {
            if let Some(media) = &media {
                media.end_run(number);
            }
            let key = REFUSED;
            return Self {
                at: At { key, ..at },
                _alive: None,
            };
        }
        Self {
            at,
            _alive: Some(Arc::new(Alive { at, media })),
        }
    }

    /// Whether events of this run are recorded.
    pub fn is_recorded(&self) -> bool {
        !self.at.is_off()
    }

    /// Where a new op or group stands: in the scope that the thread is in, if it is of this run.
    #[inline]
    fn here(&self) -> At {
        let current = scope::current();
        if current.is_of_same_run(self.at) {
            current
        } else {
            self.at
        }
    }

    /// Opens an op that runs in `ctx`.
    ///
    /// Its parent is the op or group that the thread or task is [in](Op::enter), if that is of this
    /// run; otherwise the fold finds it by names and ctx.
    #[inline]
    pub fn op<V: Serialize>(&self, name: &str, ctx: &Ctx, inputs: impl FnOnce() -> V) -> Op {
        if self.at.is_off() {
            return Op::off();
        }
        Op::open(self.here(), name, Some(ctx), inputs)
    }

    /// Opens a group.
    #[inline]
    pub fn group(&self, name: &str) -> Group {
        if self.at.is_off() {
            return Group::off();
        }
        Group::open(self.here(), name, || ())
    }

    /// Opens a group with metadata: an object, whose fields become the group's.
    #[inline]
    pub fn group_with<V: Serialize>(&self, name: &str, metadata: impl FnOnce() -> V) -> Group {
        if self.at.is_off() {
            return Group::off();
        }
        Group::open(self.here(), name, metadata)
    }

    /// Records a note on the innermost group that is open, or on the run.
    #[inline]
    pub fn annotate<V: Serialize>(&self, key: &str, value: impl FnOnce() -> V) {
        self.at.annotate(key, value);
    }
}

/// How a guard of an op or a group is made from where it stands.
pub(super) fn open_named<V: Serialize>(
    at: At,
    kind: Kind,
    name: &str,
    ctx: Option<&Ctx>,
    value: impl FnOnce() -> V,
) -> At {
    if at.key == REFUSED {
        local::count_absent(at, kind);
        return at;
    }
    at.open(kind, ctx, |draft| {
        draft.name(name);
        draft.value(&value());
    })
}
