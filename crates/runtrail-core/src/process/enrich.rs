//! Adding what the engine does not know.

use std::fmt;

use super::edit::{fields, with_added};
use super::pattern::NamePattern;
use super::{Output, Processor, SettingsError};
use crate::event::TraceEvent;
use crate::json::RawJson;
use crate::text::Text;

/// The fields that an event has by itself.
const OWN: [&str; 8] = [
    "event_id",
    "request_id",
    "kind",
    "op_name",
    "ctx",
    "timestamp",
    "seq",
    "payload",
];

/// What [`Enrich`] adds, and to which events.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EnrichSettings {
    /// Top-level fields and their values as JSON texts; at least one.
    pub fields: Vec<(String, String)>,
    /// The kinds of events that get them; where none is named, all.
    pub kinds: Vec<String>,
    /// The ops whose events get them, in which `*` stands for any characters; where none is named,
    /// all events.
    pub ops: Vec<String>,
}

/// Shows no value: one may be secret.
impl fmt::Debug for EnrichSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("EnrichSettings")
            .field("fields", &names)
            .field("kinds", &self.kinds)
            .field("ops", &self.ops)
            .finish()
    }
}

/// Adds fixed top-level fields to events, such as a service's name or a version.
///
/// A field that an event already has stays as it is. The fields come back out in archives and in
/// the events table of a lake; the fold does not read them.
///
/// ```
/// use runtrail_core::process::{Chain, Enrich, EnrichSettings};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let settings = EnrichSettings {
///     fields: vec![("service".into(), r#""checkout""#.into())],
///     ..EnrichSettings::default()
/// };
/// let mut chain = Chain::new(vec![Box::new(Enrich::new(&settings)?)]);
/// let mut run = RunBuilder::new("r");
/// run.push("op_start", Some("main"), &[], "{}");
/// for event in run.into_events() {
///     chain.process(event, &mut |event| {
///         assert_eq!(event.extra.as_deref(), Some(r#"{"service":"checkout"}"#));
///     });
/// }
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct Enrich {
    fields: Vec<(String, String)>,
    kinds: Vec<String>,
    ops: Vec<NamePattern>,
    /// The fields as one object, for the many events that have no other.
    whole: Text,
}

impl Enrich {
    /// The name in configurations.
    pub const NAME: &str = "enrich";

    /// Makes the processor.
    pub fn new(settings: &EnrichSettings) -> Result<Self, SettingsError> {
        if settings.fields.is_empty() {
            return Err(SettingsError::new("fields", "names nothing"));
        }
        for (index, (name, value)) in settings.fields.iter().enumerate() {
            if OWN.contains(&name.as_str()) {
                let reason = format!("{name} is a field that every event has by itself");
                return Err(SettingsError::new("fields", reason));
            }
            if settings.fields[..index]
                .iter()
                .any(|(other, _)| other == name)
            {
                return Err(SettingsError::new(
                    "fields",
                    format!("{name} is there twice"),
                ));
            }
            if RawJson::parse(value).is_none() {
                return Err(SettingsError::new("fields", format!("{name} is not JSON")));
            }
        }
        let pairs = pairs(settings.fields.iter());
        Ok(Self {
            whole: Text::new(with_added("{}", &pairs).unwrap_or_default()),
            fields: settings.fields.clone(),
            kinds: settings.kinds.clone(),
            ops: settings.ops.iter().map(|op| NamePattern::new(op)).collect(),
        })
    }

    fn is_meant(&self, event: &TraceEvent) -> bool {
        let name = event.op_name.as_deref();
        let named = |name| self.ops.iter().any(|op| op.matches(name));
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.kind.as_str()))
            && (self.ops.is_empty() || name.is_some_and(named))
    }

    fn added(&self, extra: &Text) -> Option<Text> {
        let there = fields(extra)?;
        let missing = self
            .fields
            .iter()
            .filter(|(name, _)| !there.iter().any(|field| field.key == *name));
        let missing = pairs(missing);
        if missing.is_empty() {
            return None;
        }
        with_added(extra, &missing).map(Text::new)
    }
}

fn pairs<'a>(fields: impl Iterator<Item = &'a (String, String)>) -> Vec<(&'a str, &'a str)> {
    fields
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

impl Processor for Enrich {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn process(&mut self, mut event: TraceEvent, out: &mut Output) {
        if self.is_meant(&event) {
            match &event.extra {
                None => event.extra = Some(self.whole.clone()),
                Some(extra) => {
                    if let Some(added) = self.added(extra) {
                        event.extra = Some(added);
                    }
                }
            }
        }
        out.forward(event);
    }

    fn finish(&mut self, _request_id: &Text, _out: &mut Output) {}

    fn held(&self) -> u64 {
        0
    }
}
