//! Snapshots: a replay's state, to go on from.

use std::collections::BTreeMap;

use runtrail_core::json::RawJson;
use runtrail_core::text::Text;
use runtrail_core::wire::{WireOptions, WireReader, event_to_json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::canonical::checksum_of;
use crate::error::ReplayError;
use crate::project::Projections;
use crate::stream::{ReplayOptions, Replayer};

/// The schema that a snapshot states.
pub const SNAPSHOT_SCHEMA: &str = "runtrail.snapshot";

/// The version of the schema.
pub const SNAPSHOT_VERSION: i64 = 1;

/// The state of a replay as JSON, with a checksum that tells whether it came back as it was.
///
/// It holds the state of the fold and of each projection, not the events: going on from it costs what is
/// left of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(String);

impl Snapshot {
    /// Takes a text that [`Snapshot::as_str`] gave. It is looked at when it is used.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    schema: String,
    schema_version: i64,
    checksum: String,
    state: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
struct State {
    request_id: Option<Text>,
    fold: Option<String>,
    /// The events at the last position, as lines.
    here: Vec<String>,
    limits: Vec<String>,
    upcasters: String,
    projections: BTreeMap<String, Saved>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    state: String,
}

impl Replayer {
    /// Returns the state, to go on from with [`Replayer::resume`].
    pub fn snapshot(&mut self) -> Result<Snapshot, ReplayError> {
        let mut projections = BTreeMap::new();
        for projection in &self.projections.0 {
            let saved = Saved {
                version: projection.version(),
                state: projection.save()?,
            };
            projections.insert(projection.name().to_owned(), saved);
        }
        let run = self.request_id.clone();
        let state = State {
            fold: run.as_deref().and_then(|run| self.fold.save_run(run)),
            request_id: run,
            here: self.repeats.here.iter().map(event_to_json).collect(),
            limits: self.limits.iter().cloned().collect(),
            upcasters: self.options.upcasters.digest(),
            projections,
        };
        let state = serde_json::value::to_raw_value(&state).map_err(refused)?;
        let checksum = checksum_of_state(state.get())?;
        let envelope = Envelope {
            schema: SNAPSHOT_SCHEMA.to_owned(),
            schema_version: SNAPSHOT_VERSION,
            checksum,
            state,
        };
        serde_json::to_string(&envelope)
            .map(Snapshot)
            .map_err(refused)
    }

    /// Goes on from a snapshot, with the same projections. A snapshot of an older version is brought to
    /// this one by the options' upcasters, which know it by [`SNAPSHOT_SCHEMA`].
    pub fn resume(
        snapshot: &Snapshot,
        mut projections: Projections,
        options: ReplayOptions,
    ) -> Result<Self, ReplayError> {
        let raised = options
            .upcasters
            .upcast(snapshot.as_str())
            .map_err(refused)?;
        let text = raised.as_deref().unwrap_or(snapshot.as_str());
        let envelope: Envelope = serde_json::from_str(text).map_err(refused)?;
        if envelope.schema != SNAPSHOT_SCHEMA || envelope.schema_version != SNAPSHOT_VERSION {
            return Err(refused(format!(
                "it is {} version {}, and this version reads {SNAPSHOT_SCHEMA} version {SNAPSHOT_VERSION}",
                envelope.schema, envelope.schema_version
            )));
        }
        if checksum_of_state(envelope.state.get())? != envelope.checksum {
            return Err(refused("its checksum is not that of its content"));
        }
        let state: State = serde_json::from_str(envelope.state.get()).map_err(refused)?;
        if state.upcasters != options.upcasters.digest() {
            return Err(refused("it was made with other upcasters"));
        }
        if state.projections.len() != projections.0.len() {
            return Err(refused("it was made with other projections"));
        }
        for projection in &mut projections.0 {
            let saved = state.projections.get(projection.name());
            let Some(saved) = saved.filter(|saved| saved.version == projection.version()) else {
                return Err(refused(format!(
                    "it has no {} of this version",
                    projection.name()
                )));
            };
            projection.restore(&saved.state)?;
        }
        let mut replayer = Self::new(projections, options);
        if let Some(fold) = &state.fold {
            replayer.fold.restore_run(fold)?;
        }
        let mut reader = WireReader::new(WireOptions {
            max_depth: 1024,
            ..WireOptions::default()
        });
        for line in state.here {
            let event = reader.read(&Text::new(line)).map_err(refused)?;
            replayer.repeats.here.push(event);
        }
        replayer.request_id = state.request_id;
        replayer.limits = state.limits.into_iter().collect();
        Ok(replayer)
    }
}

fn refused(why: impl std::fmt::Display) -> ReplayError {
    ReplayError::Snapshot(why.to_string())
}

fn checksum_of_state(state: &str) -> Result<String, ReplayError> {
    let value = RawJson::parse(state).ok_or_else(|| refused("it is not JSON"))?;
    Ok(checksum_of(value).to_string())
}
