//! Where an emitter stands: pipeline, run and opener, as three numbers.

use serde::Serialize;

use super::encode::Draft;
use super::local;
use super::record::Kind;
use crate::event::Ctx;

/// The key of a run itself, which nothing opened.
pub(crate) const RUN: u64 = 0;
/// The key of an opener that found no room: what belongs to it is absent, and counted.
pub(crate) const REFUSED: u64 = 1;

/// A place in the stream. A copy costs nothing and keeps nothing alive, so scopes and futures hold
/// copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    /// 0 where nothing is recorded.
    pub(crate) pipeline: u64,
    pub(crate) run: u64,
    pub(crate) key: u64,
}

impl At {
    pub(crate) const OFF: Self = Self {
        pipeline: 0,
        run: 0,
        key: RUN,
    };

    /// The scope of an op that is not recorded: nothing is lost there.
    pub(crate) const SILENT: Self = Self {
        key: REFUSED,
        ..Self::OFF
    };

    pub(crate) fn or_silent(self) -> Self {
        if self.is_off() { Self::SILENT } else { self }
    }

    pub(crate) fn of_run(pipeline: u64, run: u64) -> Self {
        Self {
            pipeline,
            run,
            key: RUN,
        }
    }

    #[inline]
    pub(crate) fn is_off(self) -> bool {
        self.pipeline == 0
    }

    pub(crate) fn is_of_same_run(self, other: Self) -> bool {
        self.pipeline == other.pipeline && self.run == other.run
    }

    /// Opens an op or a group here; what stands in a refused one is refused as well.
    #[inline]
    pub(crate) fn open(self, kind: Kind, ctx: Option<&Ctx>, fill: impl FnOnce(&mut Draft)) -> Self {
        if self.key == REFUSED {
            local::count_absent(self, kind);
            return self;
        }
        let opener = Self { key: RUN, ..self };
        let mut draft = Draft::new(kind);
        draft.header.extra = self.key;
        fill(&mut draft);
        let key = opener.put(&mut draft, ctx);
        Self { key, ..self }
    }

    /// Records something that belongs to this place.
    #[inline]
    pub(crate) fn record(self, kind: Kind, status: u8, extra: u64, fill: impl FnOnce(&mut Draft)) {
        if self.key == REFUSED {
            local::count_absent(self, kind);
            return;
        }
        let mut draft = Draft::new(kind);
        draft.header.status = status;
        draft.header.extra = extra;
        fill(&mut draft);
        self.put(&mut draft, None);
    }

    #[inline]
    fn put(self, draft: &mut Draft, ctx: Option<&Ctx>) -> u64 {
        draft.header.run = self.run;
        draft.header.key = self.key;
        draft.finish();
        local::send(self.pipeline, draft, ctx)
    }

    /// Records a note on this place.
    #[inline]
    pub(crate) fn annotate<V: Serialize>(self, key: &str, value: impl FnOnce() -> V) {
        if self.is_off() {
            return;
        }
        self.record(Kind::Annotation, 0, 0, |draft| {
            draft.name(key);
            draft.value(&value());
        });
    }
}

/// Sends a record that is no more than its kind and its payload.
pub(crate) fn send_plain(at: At, kind: Kind, text: &str) -> u64 {
    let mut draft = Draft::new(kind);
    draft.name(text);
    at.put(&mut draft, None)
}

/// Sends that a run is over, by its id; returns whether it found room.
pub(crate) fn send_finish(pipeline: u64, request_id: &str) -> bool {
    // A longer name would be cut, and be another run's.
    let fits = u16::try_from(request_id.len()).is_ok();
    fits && send_plain(At::of_run(pipeline, 0), Kind::RunFinish, request_id) != REFUSED
}

/// Sends an event that the engine made itself.
pub(crate) fn send_raw(pipeline: u64, event: crate::event::TraceEvent) {
    let mut draft = Draft::new(Kind::Raw);
    draft.header.counted = Kind::of(&event.kind) as u8;
    draft.event = Some(Box::new(event));
    local::send(pipeline, &mut draft, None);
}
