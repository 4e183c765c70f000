//! Payloads within a bound.

mod head;

use head::{head, short};

use super::edit::{Field, fields};
use super::{Output, Processor, SettingsError};
use crate::event::{EventKind, Payload, TraceEvent, View, slot_keys};
use crate::json::{RawJson, push_string};
use crate::text::Text;

/// The least bound: what Runtrail reads of any kind fits into it, each field within [`MAX_READ`].
const MIN_BYTES: usize = 4096;
/// The most that stays of a field that Runtrail reads, quotes included.
const MAX_READ: usize = 512;
/// The key of the note that something was cut.
const NOTE: &str = "truncated_bytes";
/// The note with the longest number, a comma and quotes.
const NOTE_BYTES: usize = NOTE.len() + 24;
/// Fields are not cut to less than this, about: rather there are fewer of them.
const MIN_FIELD: usize = 64;

/// How long payloads may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TruncateSettings {
    /// Bytes of a payload's text, and of the event's unknown top-level fields; at least 4096.
    pub max_payload_bytes: usize,
}

impl Default for TruncateSettings {
    /// 256 KiB: a long conversation fits, an embedded file does not.
    fn default() -> Self {
        Self {
            max_payload_bytes: 256 << 10,
        }
    }
}

/// Cuts payloads that are longer than a bound.
///
/// The result is within the bound and valid JSON, and the head of each value is kept: a text is
/// cut between characters and ends in `…`, lists and objects lose what comes after. Long values
/// are cut to equal lengths, so that a short one beside them stays whole. Every value that is not
/// cut stays byte for byte. The payload then holds `truncated_bytes`, the number of bytes cut.
///
/// What Runtrail reads of an event (ids, names, statuses, figures) is not cut unless it is over 512
/// bytes itself; an id of an opener that long is removed, since a part of it would name another.
/// The name of a group is cut to that length in any payload, so that starts and ends agree.
///
/// ```
/// use runtrail_core::process::{Chain, Truncate, TruncateSettings};
/// # use runtrail_testkit::run::RunBuilder;
///
/// let mut run = RunBuilder::new("r");
/// let text = "é".repeat(5000);
/// run.push("op_start", Some("main"), &[], &format!(r#"{{"inputs":{{"n":1.10,"text":"{text}"}}}}"#));
///
/// let settings = TruncateSettings { max_payload_bytes: 4096 };
/// let mut chain = Chain::new(vec![Box::new(Truncate::new(settings)?)]);
/// for event in run.into_events() {
///     chain.process(event, &mut |event| {
///         let payload = event.payload.text();
///         assert!(payload.len() <= 4096);
///         assert!(payload.starts_with(r#"{"inputs":{"n":1.10,"text":"éé"#));
///         assert!(payload.contains("é…\"},\"truncated_bytes\":"));
///     });
/// }
/// # Ok::<(), runtrail_core::process::SettingsError>(())
/// ```
pub struct Truncate {
    max: usize,
}

impl Truncate {
    /// The name in configurations.
    pub const NAME: &str = "truncate";

    /// Makes the processor.
    pub fn new(settings: TruncateSettings) -> Result<Self, SettingsError> {
        if settings.max_payload_bytes < MIN_BYTES {
            return Err(SettingsError::new(
                "max_payload_bytes",
                format!("must be at least {MIN_BYTES}"),
            ));
        }
        Ok(Self {
            max: settings.max_payload_bytes,
        })
    }

    fn cut(&self, event: &mut TraceEvent) {
        let mut gone = 0;
        if let Some(extra) = event.extra.take_if(|extra| extra.len() > self.max) {
            let kept = head(&extra, self.max).unwrap_or_else(|| "{}".to_owned());
            gone += extra.len() - kept.len();
            event.extra = Some(Text::new(kept));
        }
        let long = event.payload.text().len() + if gone > 0 { NOTE_BYTES } else { 0 } > self.max;
        if gone > 0 || long || has_long_name(event) {
            let text = cut_payload(&event.kind, event.payload.text(), self.max, gone);
            event.payload = Payload::found(&event.kind, Text::new(text));
        }
    }
}

impl Processor for Truncate {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn process(&mut self, mut event: TraceEvent, out: &mut Output) {
        self.cut(&mut event);
        out.forward(event);
    }

    fn finish(&mut self, _request_id: &Text, _out: &mut Output) {}

    fn held(&self) -> u64 {
        0
    }
}

fn has_long_name(event: &TraceEvent) -> bool {
    let name = match event.view() {
        View::GroupStart(view) => view.name,
        View::GroupEnd(view) => view.name,
        _ => None,
    };
    name.is_some_and(|name| name.text().len() > MAX_READ)
}

/// Whether a field is read by Runtrail, other than to be handed on as content.
fn is_read(kind: &EventKind, key: &str) -> bool {
    let content = ["inputs", "outputs", "error", "yielded", "value"];
    slot_keys(kind).contains(&key) && !content.contains(&key)
}

fn cut_payload(kind: &EventKind, text: &str, max: usize, gone: usize) -> String {
    let fields = fields(text).unwrap_or_default();
    let mut kept: Vec<Option<String>> = fields.iter().map(|_| None).collect();
    let mut room = max - NOTE_BYTES - 2;
    for key in slot_keys(kind).iter().filter(|key| is_read(kind, key)) {
        // Of repeated keys the last one is read.
        let Some(at) = fields.iter().rposition(|field| field.key == *key) else {
            continue;
        };
        let value = &text[fields[at].value.clone()];
        let is_id = matches!(*key, "opener_id" | "parent_id");
        kept[at] = if is_id && value.len() > MAX_READ {
            None
        } else {
            short(value, MAX_READ)
        };
        room -= kept[at].as_ref().map_or(0, |value| value.len() + cost(key));
    }
    let content: Vec<usize> = (0..fields.len())
        .filter(|&at| !is_read(kind, &fields[at].key))
        .take((room / MIN_FIELD).max(1))
        .collect();
    let share = share(&fields, &content, room);
    for at in content {
        let field = &fields[at];
        kept[at] = share
            .checked_sub(cost(&field.key))
            .and_then(|budget| head(&text[field.value.clone()], budget));
    }
    write(text, &fields, &kept, gone)
}

/// The bytes that a key takes beside its value, at most: quotes, colon, comma, escapes.
fn cost(key: &str) -> usize {
    let mut quoted = String::new();
    push_string(&mut quoted, key);
    quoted.len() + 2
}

/// The most that a field may take, so that all together fit: short ones leave more to long ones.
fn share(fields: &[Field<'_>], content: &[usize], room: usize) -> usize {
    let mut sizes: Vec<usize> = content
        .iter()
        .map(|&at| cost(&fields[at].key) + fields[at].value.len())
        .collect();
    sizes.sort_unstable();
    let mut room = room;
    for (index, size) in sizes.iter().enumerate() {
        let share = room / (sizes.len() - index);
        if *size > share {
            return share;
        }
        room -= size;
    }
    usize::MAX
}

fn write(text: &str, fields: &[Field<'_>], kept: &[Option<String>], gone: usize) -> String {
    let mut out = String::from("{");
    // A payload that was cut before says how much that was.
    let mut before = 0;
    for (field, value) in fields.iter().zip(kept) {
        if field.key == NOTE {
            let number = RawJson::trusted(&text[field.value.clone()]).as_i64();
            before += number.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            continue;
        }
        let Some(value) = value else { continue };
        if out.len() > 1 {
            out.push(',');
        }
        push_string(&mut out, &field.key);
        out.push(':');
        out.push_str(value);
    }
    let cut = before.saturating_add(gone) + text.len().saturating_sub(out.len() + 1);
    if out.len() > 1 {
        out.push(',');
    }
    out.push_str(&format!("\"{NOTE}\":{cut}}}"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(kind: &EventKind, text: &str) -> String {
        let cut = cut_payload(kind, text, MIN_BYTES, 0);
        assert!(cut.len() <= MIN_BYTES, "{} bytes", cut.len());
        assert!(RawJson::parse(&cut).is_some(), "{cut}");
        cut
    }

    #[test]
    fn what_is_read_stays_and_short_values_stay_whole() {
        let long = "x".repeat(100_000);
        let text = format!(
            r#"{{"outputs":"{long}","status":"error","error":{{"type":"E","message":"no route"}},"opener_id":"r-1","n":1.10}}"#
        );
        let cut = cut(&EventKind::OpEnd, &text);
        let tail = r#"…","status":"error","error":{"type":"E","message":"no route"},"opener_id":"r-1","n":1.10,"truncated_bytes":"#;
        assert!(cut.contains(tail), "{}", &cut[cut.len() - 200..]);
        assert!(cut.len() > MIN_BYTES - 100);
    }

    #[test]
    fn a_long_id_goes_and_a_long_name_is_cut_alike_at_both_ends() {
        let long = "n".repeat(5000);
        let start = cut(
            &EventKind::GroupStart,
            &format!(r#"{{"name":"{long}","a":1}}"#),
        );
        let end = cut(
            &EventKind::GroupEnd,
            &format!(r#"{{"name":"{long}","status":"ok","opener_id":"{long}"}}"#),
        );
        let name = |text: &str| {
            let raw = RawJson::parse(text).unwrap();
            raw.get("name").unwrap().text().to_owned()
        };
        assert_eq!(name(&start), name(&end));
        assert!(!end.contains("opener_id"));
    }

    #[test]
    fn many_fields_and_repeated_ones_fit_too() {
        let many: Vec<String> = (0..50_000).map(|n| format!(r#""k{n}":{n}"#)).collect();
        let text = format!("{{{}}}", many.join(","));
        assert!(cut(&EventKind::GroupStart, &text).starts_with(r#"{"k0":0,"k1":1,"#));
        let text = format!(
            r#"{{{}"status":"ok"}}"#,
            r#""status":"error","#.repeat(5000)
        );
        assert_eq!(
            cut(&EventKind::OpEnd, &text),
            format!(r#"{{"status":"ok","truncated_bytes":{}}}"#, text.len() - 15)
        );
    }

    #[test]
    fn cutting_again_adds_up() {
        let once = cut(
            &EventKind::OpStart,
            &format!(r#"{{"inputs":"{}"}}"#, "x".repeat(9000)),
        );
        assert!(once.len() <= MIN_BYTES);
        let grown = once.replacen("xx", &"y".repeat(5000), 1);
        let again = cut(&EventKind::OpStart, &grown);
        assert_eq!(again.matches(NOTE).count(), 1);
    }

    proptest! {
        #[test]
        fn any_payload_fits(
            inputs in runtrail_testkit_json(),
            repeat in 1..400_usize,
            key in "[a-zé\"\\\\]{0,9}",
        ) {
            let mut text = String::from("{");
            for n in 0..repeat {
                push_string(&mut text, &format!("{key}{n}"));
                text.push_str(&format!(":{inputs},"));
            }
            text.push_str("\"inputs\":[1]}");
            cut(&EventKind::OpStart, &text);
        }
    }

    /// JSON values of any shape, as text.
    fn runtrail_testkit_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<i64>().prop_map(|n| n.to_string()),
            "[a-zé\\n\"😀\\\\]{0,200}".prop_map(|text| {
                let mut quoted = String::new();
                push_string(&mut quoted, &text);
                quoted
            }),
            Just("\"\\ud83d\\ude00\\u00e9\"".to_owned()),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6)
                    .prop_map(|items| format!("[ {} ]", items.join(" , "))),
                proptest::collection::vec(inner, 0..6).prop_map(|items| {
                    let fields: Vec<String> = items
                        .iter()
                        .enumerate()
                        .map(|(n, item)| format!("\"k{n}\" : {item}"))
                        .collect();
                    format!("{{{}}}", fields.join(","))
                }),
            ]
        })
    }
}
