//! Trigger runs: firings of a trigger, from the claim to the run that it started.

use runtrail_core::json::push_string;
use runtrail_core::link::{Link, Source};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use super::{Fields, JsonText, LinkRecord, Record, RecordError, push_list, push_text, rest};
use crate::participants::coherent;
use crate::query::Cursor;

/// One firing of a trigger: what satisfied its conditions, and what came of it.
///
/// It is recorded before the run is started, as *pending*, and completed afterwards. What is found
/// pending after a crash was claimed and perhaps never started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRunRecord {
    /// The firing's identity; [`trigger_run_id`] derives one that is the same for all who see the
    /// same conditions satisfied by the same sources.
    pub trigger_run_id: Text,
    /// The trigger.
    pub trigger_id: Text,
    /// When it was decided to start the run.
    pub planned_at: Timestamp,
    /// What came of it.
    pub state: RunState,
    /// Which source satisfied which condition.
    pub participants: Vec<TriggerRunParticipant>,
    /// Fields that this version does not know, as one JSON object.
    pub extra: Option<JsonText>,
}

/// How far a trigger run has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It is claimed; whether a run was started is not known yet.
    Pending,
    /// It is over.
    Completed(Outcome),
}

/// What came of a trigger run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A run was started.
    Started {
        /// The run.
        request_id: Text,
        /// When, where the engine says so.
        at: Option<Timestamp>,
    },
    /// No run will be started.
    Abandoned {
        /// Why.
        reason: Text,
        /// When, where the engine says so.
        at: Option<Timestamp>,
    },
}

impl Outcome {
    /// Returns when it came, where the engine says so.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Started { at, .. } | Self::Abandoned { at, .. } => *at,
        }
    }

    /// Whether both say the same of what came of it, be it at different times.
    pub fn agrees_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Started { request_id: a, .. }, Self::Started { request_id: b, .. }) => a == b,
            (Self::Abandoned { .. }, Self::Abandoned { .. }) => true,
            _ => false,
        }
    }
}

/// One condition of a trigger run, and what satisfied it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRunParticipant {
    /// The condition.
    pub condition_id: Text,
    /// What satisfied it.
    pub source: Source,
    /// When.
    pub at: Timestamp,
    /// Fields that this version does not know, as one JSON object.
    pub extra: Option<JsonText>,
}

impl TriggerRunParticipant {
    /// Makes a participant.
    pub fn new(condition_id: impl Into<Text>, source: Source, at: Timestamp) -> Self {
        Self {
            condition_id: condition_id.into(),
            source,
            at,
            extra: None,
        }
    }
}

impl TriggerRunRecord {
    /// Plans a run for a trigger of which one condition was enough.
    ///
    /// The id is [derived](trigger_run_id), so that planning the same again claims the same.
    pub fn plan_any(trigger_id: &str, participant: TriggerRunParticipant, at: Timestamp) -> Self {
        Self::plan(trigger_id, vec![participant], at)
    }

    /// Plans a run for a trigger that needs all of its conditions, from everything that satisfied
    /// any of them: [`coherent`] chooses one source for each.
    ///
    /// The id is [derived](trigger_run_id) from the choice, so that planning the same again claims
    /// the same.
    pub fn plan_all(
        trigger_id: &str,
        candidates: Vec<TriggerRunParticipant>,
        at: Timestamp,
    ) -> Self {
        Self::plan(trigger_id, coherent(candidates), at)
    }

    fn plan(trigger_id: &str, participants: Vec<TriggerRunParticipant>, at: Timestamp) -> Self {
        Self {
            trigger_run_id: trigger_run_id(trigger_id, &participants),
            trigger_id: trigger_id.into(),
            planned_at: at,
            state: RunState::Pending,
            participants,
            extra: None,
        }
    }

    /// Returns the run that was started.
    pub fn request_id(&self) -> Option<&Text> {
        match &self.state {
            RunState::Completed(Outcome::Started { request_id, .. }) => Some(request_id),
            _ => None,
        }
    }

    /// Whether it is not over.
    pub fn is_pending(&self) -> bool {
        self.state == RunState::Pending
    }

    /// Returns the time that retention goes by: when it was completed, or planned where the engine
    /// does not say when it was completed.
    pub fn last_time(&self) -> Timestamp {
        let completed_at = match &self.state {
            RunState::Pending => None,
            RunState::Completed(outcome) => outcome.at(),
        };
        completed_at.unwrap_or(self.planned_at)
    }

    /// Its place in the order of its store.
    pub(crate) fn place(&self) -> Cursor {
        Cursor {
            timestamp: self.planned_at,
            id: self.trigger_run_id.clone(),
        }
    }

    /// Returns what started the run, one link a participant; none where no run was started.
    ///
    /// The host notes them in the stream of the run that it starts, as
    /// [`Monitor::started`](crate::Monitor::started) says: that is how the lake and tracing backends come to know of them.
    pub fn links(&self) -> Vec<LinkRecord> {
        let Some(to) = self.request_id() else {
            return Vec::new();
        };
        let link = |participant: &TriggerRunParticipant| LinkRecord {
            to_request_id: to.clone(),
            link: Link {
                source: participant.source.clone(),
                trigger_run_id: Some(self.trigger_run_id.clone()),
                trigger_id: Some(self.trigger_id.clone()),
                condition_id: Some(participant.condition_id.clone()),
                at: participant.at,
            },
        };
        self.participants.iter().map(link).collect()
    }
}

/// Derives the id of a trigger run from what makes it up: the trigger, and the conditions with
/// what satisfied them and when. The order of the participants does not matter.
///
/// Two schedulers that see the same derive the same id, and one of them [claims](crate::Claim) it.
///
/// ```text
/// first 16 bytes of BLAKE3 derive-key "runtrail trigger_run_id v1"
/// over lp(trigger_id), then for each participant, sorted: lp(condition) lp(kind) lp(id) lp(time)
/// ```
/// `lp(x)` is the length of `x` as 8 little-endian bytes, then `x`; a clock's id is empty, a time is
/// its RFC 3339 text.
pub fn trigger_run_id(trigger_id: &str, participants: &[TriggerRunParticipant]) -> Text {
    let mut hasher = blake3::Hasher::new_derive_key("runtrail trigger_run_id v1");
    let push = |hasher: &mut blake3::Hasher, part: &str| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    };
    push(&mut hasher, trigger_id);
    let mut parts: Vec<[String; 4]> = participants
        .iter()
        .map(|participant| {
            let id = participant.source.id().map(ToString::to_string);
            [
                participant.condition_id.to_string(),
                participant.source.kind().to_owned(),
                id.unwrap_or_default(),
                participant.at.to_string(),
            ]
        })
        .collect();
    parts.sort_unstable();
    for part in parts.iter().flatten() {
        push(&mut hasher, part);
    }
    let hex = hasher.finalize().to_hex();
    Text::from(hex.get(..32).unwrap_or_default())
}

impl Record for TriggerRunParticipant {
    const PLURAL: &'static str = "participants";

    fn write_json(&self, out: &mut String) {
        out.push_str("{\"condition_id\":");
        push_string(out, &self.condition_id);
        out.push(',');
        self.source.write(out);
        push_text(out, "at", Some(&self.at.to_string()));
        rest(out, self.extra.as_ref());
    }

    fn from_json(text: &str) -> Result<Self, RecordError> {
        const WHAT: &str = "the participant";
        let mut fields = Fields::parse(WHAT, text)?;
        let source = fields.source()?;
        Ok(Self {
            condition_id: fields.text("condition_id")?,
            source,
            at: fields.time("at")?,
            extra: fields.rest(),
        })
    }
}

impl Record for TriggerRunRecord {
    const PLURAL: &'static str = "runs";

    fn write_json(&self, out: &mut String) {
        out.push_str("{\"trigger_run_id\":");
        push_string(out, &self.trigger_run_id);
        push_text(out, "trigger_id", Some(&self.trigger_id));
        push_text(out, "planned_at", Some(&self.planned_at.to_string()));
        let completed_at = match &self.state {
            RunState::Pending => {
                push_text(out, "state", Some("pending"));
                None
            }
            RunState::Completed(Outcome::Started { request_id, at }) => {
                push_text(out, "state", Some("started"));
                push_text(out, "request_id", Some(request_id));
                *at
            }
            RunState::Completed(Outcome::Abandoned { reason, at }) => {
                push_text(out, "state", Some("abandoned"));
                push_text(out, "reason", Some(reason));
                *at
            }
        };
        let completed_at = completed_at.map(|at| at.to_string());
        push_text(out, "completed_at", completed_at.as_deref());
        push_list(out, "participants", &self.participants, |out, one| {
            one.write_json(out);
        });
        rest(out, self.extra.as_ref());
    }

    fn from_json(text: &str) -> Result<Self, RecordError> {
        let mut fields = Fields::parse("the trigger run", text)?;
        let participants = fields.list("participants")?.into_iter();
        let participants = participants
            .map(|one| TriggerRunParticipant::from_json(one.text()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            trigger_run_id: fields.text("trigger_run_id")?,
            trigger_id: fields.text("trigger_id")?,
            planned_at: fields.time("planned_at")?,
            state: read_state(&mut fields)?,
            participants,
            extra: fields.rest(),
        })
    }
}

fn read_state(fields: &mut Fields<'_>) -> Result<RunState, RecordError> {
    let state = fields.text("state")?;
    let at = fields.optional_time("completed_at")?;
    Ok(match state.as_str() {
        "pending" => RunState::Pending,
        "started" => RunState::Completed(Outcome::Started {
            request_id: fields.text("request_id")?,
            at,
        }),
        "abandoned" => RunState::Completed(Outcome::Abandoned {
            reason: fields.optional_text("reason")?.unwrap_or_default(),
            at,
        }),
        _ => return Err(fields.wrong("state", "one of pending, started and abandoned")),
    })
}
