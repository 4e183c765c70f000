//! The JSON Schema of the wire format.

use serde_json::{Value, json};

use crate::event::{EventKind, Status};

/// Returns the JSON Schema (draft 2020-12) of one event on the wire.
///
/// It describes what well-behaved producers write. The reader accepts more: see
/// [`wire`](crate::wire).
pub fn wire_schema() -> Value {
    let kinds: Vec<Value> = EventKind::KNOWN.iter().map(kind_rule).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Runtrail event, wire format 1",
        "description": "One event of a run: one line of a JSON Lines archive or one element of a JSON array. Fields and kinds that are not listed are kept as they are.",
        "type": "object",
        "required": ["event_id", "request_id", "kind", "timestamp", "seq"],
        "properties": {
            "event_id": {"type": "string", "description": "Identity of the event, opaque."},
            "request_id": {"type": "string", "description": "The run that the event belongs to."},
            "kind": {"type": "string", "examples": EventKind::KNOWN.iter().map(EventKind::as_str).collect::<Vec<_>>()},
            "op_name": {"type": ["string", "null"], "description": "The op; null on events of groups."},
            "ctx": {"type": ["array", "null"], "items": {"type": "string"}, "description": "Scope segments, root first."},
            "timestamp": {"type": "string", "format": "date-time", "description": "RFC 3339 with a UTC offset; up to 9 fraction digits."},
            "seq": {"type": "integer", "minimum": 0, "maximum": i64::MAX, "description": "Number of the event within its run."},
            "payload": {"type": ["object", "null"]}
        },
        "additionalProperties": true,
        "allOf": kinds,
    })
}

/// "If the kind is this, then the payload looks so."
fn kind_rule(kind: &EventKind) -> Value {
    let statuses: &[Status] = match kind {
        EventKind::GroupEnd => &[Status::Ok, Status::Error, Status::Truncated],
        _ => &[
            Status::Ok,
            Status::Error,
            Status::Cancelled,
            Status::Truncated,
        ],
    };
    let fields: serde_json::Map<String, Value> = crate::event::slot_keys(kind)
        .iter()
        .map(|key| ((*key).to_owned(), field_rule(key, statuses)))
        .collect();
    json!({
        "if": {"properties": {"kind": {"const": kind.as_str()}}},
        "then": {"properties": {"payload": {"properties": fields}}},
    })
}

fn field_rule(key: &str, statuses: &[Status]) -> Value {
    match key {
        "status" => json!({"enum": statuses.iter().map(|s| s.as_str()).collect::<Vec<_>>()}),
        "duration_ms" => {
            json!({"type": ["number", "null"], "minimum": 0, "description": "Milliseconds."})
        }
        "cost_usd" => {
            json!({"type": ["number", "null"], "minimum": 0, "description": "US dollars; missing where unknown, never 0."})
        }
        "yield_count" | "idx" | "prompt_tokens" | "completion_tokens" | "total_tokens"
        | "size_bytes" => {
            json!({"type": ["integer", "null"], "minimum": 0})
        }
        "error" => json!({
            "type": ["object", "string", "null"],
            "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
        }),
        "parent_id" => {
            json!({"type": ["string", "null"], "description": "Event id of the opener that this was opened in."})
        }
        "opener_id" => {
            json!({"type": ["string", "null"], "description": "Event id of the opener that this belongs to."})
        }
        "key" | "name" | "model" | "handle" | "mime" => json!({"type": ["string", "null"]}),
        _ => json!({"description": "Any JSON; kept as it stands."}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file is for people and for other languages; this keeps it true.
    /// `RUNTRAIL_BLESS=1 cargo nextest run -p runtrail-core schema` writes it anew.
    #[test]
    fn the_checked_in_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/event-v1.schema.json");
        let current = serde_json::to_string_pretty(&wire_schema()).unwrap() + "\n";
        if std::env::var_os("RUNTRAIL_BLESS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/schema")).unwrap();
            std::fs::write(path, &current).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            current,
            "{path} is out of date"
        );
    }
}
