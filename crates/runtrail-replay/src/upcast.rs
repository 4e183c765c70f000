//! Bringing payloads of an older schema to the current one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use runtrail_core::event::{Payload, TraceEvent};
use runtrail_core::json::RawJson;
use sha2::{Digest, Sha256};

use crate::canonical::hex;

/// Steps that one payload may take.
const MAX_STEPS: usize = 64;

type Step = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// Steps from a version of a schema to the next.
///
/// A payload states its schema by the keys `schema`, a string, and `schema_version`, an integer. As long
/// as there is a step for what it states, the step is taken. Each is checked: it must give one JSON object
/// of the same schema and of a higher version.
///
/// ```
/// use runtrail_replay::Upcasters;
///
/// let upcasters = Upcasters::default()
///     .step("order", 1, "rename total", |old| {
///         Ok(old.replace("\"total\"", "\"amount\"").replace("\"schema_version\":1", "\"schema_version\":2"))
///     });
/// println!("{}", upcasters.digest());
/// ```
#[derive(Clone, Default)]
pub struct Upcasters {
    steps: BTreeMap<(String, i64), (String, Step)>,
}

/// Why a payload cannot be brought to the current schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpcastError {
    /// The step itself failed.
    #[error("{schema} version {version}: {why}")]
    Failed {
        /// The schema.
        schema: String,
        /// The version that was to be left.
        version: i64,
        /// What the step says.
        why: String,
    },
    /// The step did not lead to a higher version of the same schema.
    #[error("{schema} version {version}: the step does not lead to a higher version of the schema")]
    Stuck {
        /// The schema.
        schema: String,
        /// The version.
        version: i64,
    },
    /// The step gave no JSON object.
    #[error("{schema} version {version}: the step gives no JSON object")]
    NotAnObject {
        /// The schema.
        schema: String,
        /// The version that was to be left.
        version: i64,
    },
    /// There are too many steps.
    #[error("{schema}: more than {MAX_STEPS} steps")]
    TooMany {
        /// The schema.
        schema: String,
    },
}

impl Upcasters {
    /// Adds the step that leaves a version of a schema; a step that was there is replaced. `meaning` says
    /// what it does, and belongs to the digest: change it when you change the step.
    pub fn step(
        mut self,
        schema: impl Into<String>,
        from: i64,
        meaning: impl Into<String>,
        step: impl Fn(&str) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.steps
            .insert((schema.into(), from), (meaning.into(), Arc::new(step)));
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns a digest of which steps there are and what they mean, in hex: replays with other steps are
    /// other replays.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for ((schema, from), (meaning, _)) in &self.steps {
            for part in [schema.as_str(), &from.to_string(), meaning] {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        hex(&hasher.finalize())
    }

    /// Brings a JSON object to the last version that there is a step to; `None` where it is there already.
    pub fn upcast(&self, object: &str) -> Result<Option<String>, UpcastError> {
        let mut current: Option<String> = None;
        for _ in 0..=MAX_STEPS {
            let text = current.as_deref().unwrap_or(object);
            let Some((schema, version)) = stated(text) else {
                return Ok(current);
            };
            let Some((_, step)) = self.steps.get(&(schema.clone(), version)) else {
                return Ok(current);
            };
            let next = step(text).map_err(|why| UpcastError::Failed {
                schema: schema.clone(),
                version,
                why,
            })?;
            let is_object = RawJson::parse(&next).is_some_and(|value| value.as_object().is_some());
            if !is_object {
                return Err(UpcastError::NotAnObject { schema, version });
            }
            let advanced = stated(&next).is_some_and(|(to, at)| to == schema && at > version);
            if !advanced {
                return Err(UpcastError::Stuck { schema, version });
            }
            current = Some(next);
        }
        let schema = stated(object).map_or_else(String::new, |(schema, _)| schema);
        Err(UpcastError::TooMany { schema })
    }

    /// Brings an event's payload to the current schema; `None` where it is.
    pub(crate) fn event(&self, event: &TraceEvent) -> Result<Option<TraceEvent>, UpcastError> {
        let Some(text) = self.upcast(event.payload.text())? else {
            return Ok(None);
        };
        let payload = Payload::new(&event.kind, text);
        Ok(payload.map(|payload| TraceEvent {
            payload,
            ..event.clone()
        }))
    }
}

impl fmt::Debug for Upcasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.steps.keys()).finish()
    }
}

/// The schema that an object states.
fn stated(object: &str) -> Option<(String, i64)> {
    let object = RawJson::parse(object)?;
    let schema = object.get("schema")?.as_str()?.into_owned();
    Some((schema, object.get("schema_version")?.as_i64()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(version: i64) -> impl Fn(&str) -> Result<String, String> {
        move |_| Ok(format!("{{\"schema\":\"s\",\"schema_version\":{version}}}"))
    }

    #[test]
    fn steps_are_taken_one_after_the_other_and_must_advance() {
        let start = r#"{"schema":"s","schema_version":1}"#;
        let steps = Upcasters::default()
            .step("s", 1, "a", to(2))
            .step("s", 2, "b", to(5));
        assert_eq!(
            steps.upcast(start).unwrap().as_deref(),
            Some(r#"{"schema":"s","schema_version":5}"#)
        );
        assert_eq!(
            steps.upcast(r#"{"schema":"t","schema_version":1}"#),
            Ok(None)
        );
        assert_eq!(steps.upcast("{}"), Ok(None));
        for (back, wanted) in [
            (
                1,
                UpcastError::Stuck {
                    schema: "s".into(),
                    version: 2,
                },
            ),
            (
                2,
                UpcastError::Stuck {
                    schema: "s".into(),
                    version: 2,
                },
            ),
        ] {
            let steps = steps.clone().step("s", 2, "back", to(back));
            assert_eq!(steps.upcast(start), Err(wanted));
        }
        let other = steps.clone().step("s", 2, "c", |_| Ok("[]".to_owned()));
        assert_eq!(
            other.upcast(start),
            Err(UpcastError::NotAnObject {
                schema: "s".into(),
                version: 2
            })
        );
        let failing = steps.clone().step("s", 1, "d", |_| Err("no".to_owned()));
        assert!(matches!(
            failing.upcast(start),
            Err(UpcastError::Failed { .. })
        ));
        assert_ne!(steps.digest(), other.digest());
        assert_eq!(steps.digest(), steps.clone().digest());
    }
}
