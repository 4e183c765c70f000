//! Links as records: what started a run, with the run.

use runtrail_core::json::RawJson;
use runtrail_core::link::{Link, Source};
use runtrail_core::text::Text;

use super::{Fields, Record, RecordError, push_text};

/// One thing that started a run: a row of the lake's table of links.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinkRecord {
    /// The run that was started.
    pub to_request_id: Text,
    /// What started it.
    pub link: Link,
}

impl Record for LinkRecord {
    const PLURAL: &'static str = "links";

    fn write_json(&self, out: &mut String) {
        let link = self.link.to_json();
        out.push_str(link.strip_suffix('}').unwrap_or(&link));
        push_text(out, "to_request_id", Some(&self.to_request_id));
        out.push('}');
    }

    fn from_json(text: &str) -> Result<Self, RecordError> {
        let mut fields = Fields::parse("the link", text)?;
        let source = fields.source()?;
        Ok(Self {
            to_request_id: fields.text("to_request_id")?,
            link: Link {
                source,
                trigger_run_id: fields.optional_text("trigger_run_id")?,
                trigger_id: fields.optional_text("trigger_id")?,
                condition_id: fields.optional_text("condition_id")?,
                at: fields.time("at")?,
            },
        })
    }
}

impl Fields<'_> {
    /// Takes the keys that say what satisfied a condition.
    pub(super) fn source(&mut self) -> Result<Source, RecordError> {
        const KEYS: [&str; 4] = ["source", "from_event_id", "from_request_id", "from_id"];
        let mut object = String::from("{");
        for key in KEYS {
            if let Some(value) = self.take(key) {
                let comma = if object.len() > 1 { "," } else { "" };
                object.push_str(&format!("{comma}\"{key}\":{value}"));
            }
        }
        object.push('}');
        RawJson::parse(&object)
            .and_then(Source::read)
            .ok_or(self.wrong(
                "source",
                "an event, a run, a clock or another source with its id",
            ))
    }
}
