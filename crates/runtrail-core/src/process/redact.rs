//! Keeping secrets out.

mod pairs;
mod rules;
mod text;

use std::fmt;

use rules::Rules;
use text::{Place, redact_object, redact_text};

use super::edit::{fields, with_field};
use super::lift::parent_id;
use super::{Discard, Output, Processor, SettingsError};
use crate::event::{Ctx, EventKind, Payload, TraceEvent};
use crate::json::RawJson;
use crate::text::Text;

/// Keys whose values are secret nearly everywhere.
const KEYS: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "client_secret",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "api_key",
    "x_api_key",
    "authorization",
    "cookie",
    "set_cookie",
    "private_key",
];

/// Texts that are secret wherever they stand.
const PATTERNS: [&str; 6] = [
    r"(?i)\bbearer\s+[a-z0-9._~+/-]{8,}=*",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36,}",
    r"\bsk-[A-Za-z0-9_-]{20,}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
];

/// What stands in the place of a payload that cannot be read.
const UNREADABLE: &str = r#"{"redacted":"the payload could not be read"}"#;

/// What [`Redact`] takes for a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactSettings {
    /// Keys whose values are masked, whatever they are; in any case, with or without `_`, `-` and
    /// spaces; `*` stands for any characters.
    pub keys: Vec<String>,
    /// Regular expressions (those of the `regex` crate); what they match is masked wherever it stands.
    pub patterns: Vec<String>,
    /// What stands in a secret's place.
    pub mask: String,
}

impl Default for RedactSettings {
    /// Usual keys (`password`, `api_key`, `authorization`, …) and the tokens of usual services.
    fn default() -> Self {
        Self {
            keys: KEYS.map(str::to_owned).to_vec(),
            patterns: PATTERNS.map(str::to_owned).to_vec(),
            mask: "[redacted]".to_owned(),
        }
    }
}

/// Shows no pattern: one may spell out a secret.
impl fmt::Debug for RedactSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactSettings")
            .field("keys", &self.keys.len())
            .field("patterns", &self.patterns.len())
            .finish_non_exhaustive()
    }
}

/// Masks secrets, by key and by pattern, at any depth.
///
/// A [`Chain`](super::Chain) puts redactors first wherever they stand in its list, and hands them
/// again whatever another processor made or changed: nothing comes out that they have not seen.
///
/// - The value of a secret key is masked as a whole, `null` excepted. A note's key counts as one.
/// - What a pattern matches is masked in texts, numbers, keys, op names, ctx, unknown kinds and
///   unknown top-level fields.
/// - A text that is itself JSON, such as a tool call's arguments, is gone through like any, four levels of texts deep; a
///   deeper one is masked as a whole. So is one with several values after one another, or with what Python
///   writes in them (`NaN`, halves of characters).
/// - In any other text, the value of a secret key counts wherever the key stands in quotes (`"` or `'`, escaped or not)
///   before `:`, `=` or `=>`: JSON that was cut off, is too deep, or has prose around it. Where the
///   value's end is not certain, the rest of the text is masked; where a secret appears only once
///   escapes are resolved, all of it. Keys without quotes (`password=…`, YAML) and encoded texts (Base64,
///   percent) are a matter for patterns.
/// - An event whose own id, run or opener's id holds a match cannot keep its place without it: it
///   is let go as [`Discard::Unsafe`]. So is a reference to such a parent. Exporters are not told of
///   the end of such a run.
/// - A payload that is not readable JSON, or nests deeper than 1024 levels, is replaced.
///
/// A known `status` is left as it is. All else stays byte for byte.
///
/// ```
/// use runtrail_core::process::{Chain, Redact, RedactSettings};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let mut run = RunBuilder::new("r");
/// let inputs = r#"{"inputs":{"n":1.10,"Api-Key":"k1","text":"Bearer abcdefgh1234 for you"}}"#;
/// run.push("op_start", Some("main"), &[], inputs);
///
/// let mut chain = Chain::new(vec![Box::new(Redact::new(&RedactSettings::default())?)]);
/// for event in run.into_events() {
///     chain.process(event, &mut |event| assert_eq!(
///         event.payload.text().as_str(),
///         r#"{"inputs":{"n":1.10,"Api-Key":"[redacted]","text":"[redacted] for you"}}"#
///     ));
/// }
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct Redact {
    rules: Rules,
}

impl Redact {
    /// The name in configurations.
    pub const NAME: &str = "redact";

    /// Makes the processor.
    pub fn new(settings: &RedactSettings) -> Result<Self, SettingsError> {
        Rules::new(settings).map(|rules| Self { rules })
    }

    /// Whether nothing in a name or id is a secret; a run's events are let through only where that holds of its id.
    pub(super) fn shows(&self, request_id: &str) -> bool {
        self.mask_text(request_id).is_none()
    }

    /// Masks what is secret in a text that is not part of a payload.
    fn mask_text(&self, text: &str) -> Option<String> {
        redact_text(&self.rules, text, 0)
    }

    /// Masks what is secret in an event; `None` where it cannot be made safe.
    fn redact(&self, mut event: TraceEvent) -> Option<TraceEvent> {
        let rules = &self.rules;
        if !self.shows(&event.request_id) || !self.shows(&event.event_id) {
            return None;
        }
        if event.view().opener_id().is_some_and(|id| !self.shows(&id)) {
            return None;
        }
        if parent_id(&event).is_some_and(|id| !self.shows(&id)) {
            event.payload = with_field(&event.kind, &event.payload, "parent_id", None);
        }
        if let EventKind::Unknown(kind) = &event.kind
            && let Some(masked) = self.mask_text(kind)
        {
            event.kind = EventKind::Unknown(Text::new(masked));
        }
        if let Some(masked) = event
            .op_name
            .as_deref()
            .and_then(|name| self.mask_text(name))
        {
            event.op_name = Some(Text::new(masked));
        }
        let parts = event.ctx.segments();
        if parts.iter().any(|part| !self.shows(part)) {
            let masked = parts.iter().map(|part| {
                let masked = self.mask_text(part);
                masked.map_or_else(|| part.clone(), Text::new)
            });
            event.ctx = Ctx::new(masked);
        }
        self.redact_payload(&mut event);
        if let Some(extra) = &event.extra {
            match redact_object(rules, extra, Place::Elsewhere) {
                Ok(None) => {}
                Ok(Some(masked)) => event.extra = Some(Text::new(masked)),
                Err(_) => event.extra = None,
            }
        }
        Some(event)
    }

    fn redact_payload(&self, event: &mut TraceEvent) {
        let place = if self.is_secret_note(event) {
            Place::PayloadOfSecretNote
        } else {
            Place::Payload
        };
        let masked = match redact_object(&self.rules, event.payload.text(), place) {
            Ok(None) => return,
            Ok(Some(masked)) => Text::new(masked),
            Err(_) => Text::new(UNREADABLE),
        };
        event.payload = Payload::found(&event.kind, masked);
    }

    /// Whether an event is a note under a secret key, in any of its keys if one is repeated.
    fn is_secret_note(&self, event: &TraceEvent) -> bool {
        if event.kind != EventKind::Annotation {
            return false;
        }
        let text = event.payload.text();
        let keys = fields(text).unwrap_or_default();
        keys.into_iter()
            .filter(|field| field.key == "key")
            .filter_map(|field| RawJson::trusted(text.get(field.value)?).as_str())
            .any(|key| self.rules.is_secret_key(&key))
    }
}

impl Processor for Redact {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        // A second handle, for the books; the text is shared.
        let came = event.clone();
        match self.redact(event) {
            Some(event) => out.forward(event),
            None => out.discard(&came, Discard::Unsafe),
        }
    }

    fn finish(&mut self, _request_id: &Text, _out: &mut Output) {}

    fn held(&self) -> u64 {
        0
    }
}
