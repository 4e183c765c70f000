//! The steps of which a generated run is made.

use proptest::prelude::*;

/// What a step does; simple steps come first, since a failing test shrinks towards them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    StartOp,
    EndOp,
    StartGroup,
    EndGroup,
    Yield,
    Note,
    GroupNote,
    Usage,
    Media,
    UnknownKind,
    Repeat,
    OrphanEnd,
    OrphanGroupEnd,
    OrphanNote,
}

/// One step: what to do, and numbers that decide between its forms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) what: What,
    pub(super) pick: usize,
    pub(super) form: usize,
    pub(super) waits: bool,
}

impl Step {
    pub(super) fn any() -> impl Strategy<Value = Step> {
        let what = prop_oneof![
            8 => Just(What::StartOp),
            7 => Just(What::EndOp),
            2 => Just(What::StartGroup),
            2 => Just(What::EndGroup),
            3 => Just(What::Yield),
            1 => Just(What::Note),
            1 => Just(What::GroupNote),
            1 => Just(What::Usage),
            1 => Just(What::Media),
            1 => Just(What::UnknownKind),
            1 => Just(What::Repeat),
            1 => Just(What::OrphanEnd),
            1 => Just(What::OrphanGroupEnd),
            1 => Just(What::OrphanNote),
        ];
        (what, 0..64_usize, 0..12_usize, any::<bool>()).prop_map(|(what, pick, form, waits)| Step {
            what,
            pick,
            form,
            waits,
        })
    }
}
