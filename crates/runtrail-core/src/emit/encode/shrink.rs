//! Ends and usage without the values that found no room: that something ended, and how, is worth more
//! than what it returned.

use super::{CELL, CELLS, Draft, HEADER, Kind, SPILLED, keep_scratch, tag};
use crate::emit::render::{Compact, OMITTED};
use crate::event::{Payload, TraceEvent, slot_keys};

/// Bytes that a field of an event made by the engine may have to stay in it; a status has, and a model.
const KEPT_FIELD: usize = 256;
/// The fields by which an end finds what it ends: they stay, however long.
const PAIRED_BY: [&str; 2] = ["name", "opener_id"];

impl Draft {
    /// Leaves out the longest of what the record says, so that it fits its cells; of an event that the
    /// engine made, so that it takes fewer bytes. Returns whether it could.
    pub(in crate::emit) fn shrink(&mut self) -> bool {
        if let Some(event) = &mut self.event {
            **event = without_content(event);
            return true;
        }
        // Anything else begins with a name, without which it would say nothing.
        if !matches!(self.header.kind, Kind::OpEnd | Kind::LlmUsage) || self.len < SPILLED {
            return false;
        }
        let spill = std::mem::take(&mut self.spill);
        let mut compact = Compact(&spill);
        let values: Vec<_> = std::iter::from_fn(|| compact.whole()).collect();
        self.len = HEADER;
        for (index, value) in values.iter().enumerate() {
            // Those that follow need a mark each, if nothing else.
            let marks = values.len() - index - 1;
            let fits = self.len + value.len() + marks <= CELLS * CELL;
            self.put_anyway(if fits { value } else { &[tag::OMITTED] });
        }
        self.finish();
        keep_scratch(spill);
        true
    }
}

/// An event with nothing but the short ones of the fields that Runtrail reads.
fn without_content(event: &TraceEvent) -> TraceEvent {
    let mut text = String::from("{");
    for (key, (start, end)) in slot_keys(&event.kind).iter().zip(event.payload.slots()) {
        let Some(value) = event.payload.text().get(*start as usize..*end as usize) else {
            continue;
        };
        if value.is_empty() {
            continue;
        }
        let stays = value.len() <= KEPT_FIELD || PAIRED_BY.contains(key);
        let value = if stays { value } else { OMITTED };
        let comma = if text.len() > 1 { "," } else { "" };
        text.extend([comma, "\"", key, "\":", value]);
    }
    text.push('}');
    TraceEvent {
        payload: Payload::found(&event.kind, text.into()),
        extra: None,
        // Its texts may be slices of the one that was too long.
        ..event.detached()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::record::Waiting;
    use crate::event::{Ctx, EventKind};
    use crate::text::Text;
    use crate::time::Timestamp;

    fn rendered(draft: &mut Draft) -> Vec<String> {
        let cells = Waiting::new((draft.cells(), &[]));
        let header = cells.header(0).unwrap();
        let mut bytes = Vec::new();
        cells.copy_payload(0, &header, &mut bytes);
        let mut compact = Compact(&bytes);
        std::iter::from_fn(|| {
            let mut out = Vec::new();
            compact.value(&mut out)?;
            Some(String::from_utf8(out).unwrap())
        })
        .collect()
    }

    #[test]
    fn the_values_that_fit_stay() {
        let mut draft = Draft::new(Kind::LlmUsage);
        let long = "m".repeat(200);
        draft.value(&(&long, [1.5, 2.5], 0.5_f32, i128::MAX));
        draft.value(&Some(12_u64));
        draft.value(&long);
        draft.value(&(1, "two", [(); 2]));
        draft.value(&None::<f64>);
        assert!(draft.is_large() && draft.shrink() && !draft.is_large());
        let left_out = OMITTED.to_owned();
        let expected = [
            &left_out,
            "12",
            &left_out,
            r#"[1,"two",[null,null]]"#,
            "null",
        ];
        assert_eq!(rendered(&mut draft), expected);
        assert!(!draft.shrink(), "there is nothing more to leave out");
    }

    #[test]
    fn what_begins_with_a_name_stays_as_it_is() {
        let mut draft = Draft::new(Kind::RunStart);
        draft.name(&"r".repeat(300));
        assert!(!draft.shrink() && draft.is_large());
    }

    #[test]
    fn an_event_keeps_its_short_fields() {
        let long = "x".repeat(1000);
        let text = format!(
            r#"{{"outputs":"{long}","more":1,"status":"ok","duration_ms":1.5,"opener_id":"{long}"}}"#
        );
        let kind = EventKind::OpEnd;
        let mut draft = Draft::new(Kind::Raw);
        draft.event = Some(Box::new(TraceEvent {
            event_id: Text::from("e"),
            request_id: Text::from("r"),
            op_name: None,
            ctx: Ctx::default(),
            timestamp: Timestamp::from_parts(0, 0),
            seq: 0,
            payload: Payload::new(&kind, text).unwrap(),
            kind,
            extra: Some(Text::from("{}")),
        }));
        assert!(draft.shrink());
        let event = draft.event.unwrap();
        let begins =
            r#"{"outputs":"(value left out)","status":"ok","duration_ms":1.5,"opener_id":""#;
        let text = event.payload.text().as_str();
        assert_eq!(text, format!(r#"{begins}{long}"}}"#));
        let (start, end) = event.payload.slots()[1];
        let status = &event.payload.text()[start as usize..end as usize];
        assert_eq!((status, event.extra), (r#""ok""#, None));
    }
}
