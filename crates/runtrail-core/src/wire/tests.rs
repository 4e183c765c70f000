use proptest::prelude::*;

use super::*;
use crate::event::{EventKind, View};

const LINE: &str = r#"{"event_id":"r1-4","request_id":"r1","kind":"op_end","op_name":"main.fetch","ctx":["main","[0]"],"timestamp":"2026-11-21T01:36:21.419755Z","seq":4,"payload":{"outputs":{"s":1},"status":"ok","duration_ms":0.076,"yield_count":1}}"#;

fn both(line: &str) -> (Result<TraceEvent, WireError>, Result<TraceEvent, WireError>) {
    let text = Text::new(line);
    let options = WireOptions::default();
    (
        WireReader::new(options).read(&text),
        WireReader::exact_only(options).read(&text),
    )
}

fn read(line: &str) -> TraceEvent {
    let (normal, exact) = both(line);
    let (normal, exact) = (normal.unwrap(), exact.unwrap());
    assert_eq!(normal, exact);
    assert_eq!(normal.payload.slots(), exact.payload.slots());
    normal
}

fn refused(line: &str) -> String {
    let (normal, exact) = both(line);
    let (normal, exact) = (normal.unwrap_err(), exact.unwrap_err());
    assert_eq!(normal, exact);
    let at = normal.at();
    format!(
        "{normal} | {}",
        line.get(at..at + normal.span_len()).unwrap_or_default()
    )
}

#[test]
fn an_ordinary_line_takes_the_fast_path_and_round_trips() {
    let text = Text::new(LINE);
    assert!(WireReader::default().fast(&text, 0).is_some());
    let event = read(LINE);
    assert_eq!(event_to_json(&event), LINE);
    let View::OpEnd(end) = event.view() else {
        panic!("kind")
    };
    assert_eq!(end.outputs.unwrap().text(), r#"{"s":1}"#);
    assert_eq!(end.duration_ms.unwrap().as_f64(), Some(0.076));
}

#[test]
fn nothing_is_lost_of_what_is_unknown() {
    let line = r#"{"event_id":"e","request_id":"r","kind":"op_pause","op_name":null,"ctx":[],"timestamp":"2026-11-21T01:36:21.000000Z","seq":0,"payload":{"n":1.10,"big":123456789012345678901234567890,"n":1.10},"host":"a","trace":{"b":[1, 2]}}"#;
    let event = read(line);
    assert_eq!(event.kind, EventKind::Unknown("op_pause".into()));
    assert_eq!(
        event.extra.as_deref(),
        Some(r#"{"host":"a","trace":{"b":[1, 2]}}"#)
    );
    assert_eq!(event_to_json(&event), line);
}

#[test]
fn missing_and_null_optional_fields_are_read_alike() {
    let short = read(
        r#"{"event_id":"e","request_id":"r","kind":"op_start","timestamp":"2026-11-21T01:36:21Z","seq":0}"#,
    );
    let null = read(
        r#"{"event_id":"e","request_id":"r","kind":"op_start","op_name":null,"ctx":null,"timestamp":"2026-11-21 01:36:21+00:00","seq":0,"payload":null}"#,
    );
    assert_eq!(short, null);
    assert_eq!(short.payload.text(), "{}");
}

#[test]
fn the_payload_may_come_before_the_kind_and_keys_may_be_escaped() {
    let early = read(
        r#"{"payload":{"status":"error","outputs":[]},"event_id":"e","request_id":"r","kind":"op_end","timestamp":"2026-11-21T01:36:21Z","seq":0}"#,
    );
    let escaped = read(
        r#"{"p\u0061yload":{"st\u0061tus":"error","outputs":[]},"event_id":"e","request_id":"r","kind":"op\u005fend","timestamp":"2026-11-21T01:36:21Z","seq":0}"#,
    );
    for event in [early, escaped] {
        let View::OpEnd(end) = event.view() else {
            panic!("kind")
        };
        assert_eq!(end.status.unwrap().as_str().as_deref(), Some("error"));
    }
}

#[test]
fn python_literals_become_valid_json_and_are_counted() {
    let line = r#"{"event_id":"e","request_id":"r","kind":"annotation","timestamp":"2026-11-21T01:36:21Z","seq":0,"payload":{"key":"k","value":[NaN,-Infinity,"\ud800"]}}"#;
    let Read::Event {
        event,
        substitutions,
        end,
    } = WireReader::default().read_at(&Text::new(line), 0)
    else {
        panic!("an event")
    };
    assert_eq!((substitutions, end), (3, line.len()));
    assert_eq!(
        event.payload.text(),
        r#"{"key":"k","value":["NaN","-Infinity","\ufffd"]}"#
    );
}

#[test]
fn what_is_refused_names_the_place() {
    let with = |field: &str, value: &str| {
        let mut fields = vec![
            ("event_id", "\"e\""),
            ("request_id", "\"r\""),
            ("kind", "\"op_end\""),
            ("timestamp", "\"2026-11-21T01:36:21Z\""),
            ("seq", "0"),
        ];
        fields.retain(|(name, _)| *name != field);
        if !value.is_empty() {
            fields.push((field, value));
        }
        let fields: Vec<_> = fields.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
        refused(&format!("{{{}}}", fields.join(",")))
    };
    assert_eq!(
        with("timestamp", "\"2026-11-21T01:36:21\""),
        "timestamp has no UTC offset | \"2026-11-21T01:36:21\""
    );
    assert_eq!(
        with("seq", "9223372036854775808"),
        "seq is not an integer from 0 to 2^63 - 1 | 9223372036854775808"
    );
    assert_eq!(
        with("seq", "-1"),
        "seq is not an integer from 0 to 2^63 - 1 | -1"
    );
    assert_eq!(
        with("seq", "1.5"),
        "seq is not an integer from 0 to 2^63 - 1 | 1.5"
    );
    assert_eq!(with("payload", "[1]"), "payload is not an object | [1]");
    assert_eq!(with("ctx", "[1]"), "ctx is not a list of strings | [1]");
    assert_eq!(with("event_id", "7"), "event_id is not a string | 7");
    assert!(with("kind", "").starts_with("kind is missing | {"));
    assert!(with("timestamp", "null").starts_with("timestamp is missing | {"));
    assert_eq!(
        refused("[1,2]"),
        "not an event: expected a JSON object | [1,2]"
    );
    assert_eq!(refused("{\"a\":01}"), "not JSON: expected `,` or `}` | 1");
    assert_eq!(refused("{\"a\":"), "cut off inside a value | ");
    let bomb = format!("{{\"payload\":{}", "[".repeat(100_000));
    assert_eq!(refused(&bomb), "nested deeper than 128 levels | [");
}

#[test]
fn both_paths_share_one_depth_limit() {
    let nested = |levels: usize| {
        format!(
            r#"{{"event_id":"e","request_id":"r","kind":"annotation","timestamp":"2026-11-21T01:36:21Z","seq":0,"payload":{{"value":{}{}}}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    let fits = nested(126);
    assert!(
        WireReader::default()
            .fast(&Text::new(fits.as_str()), 0)
            .is_some()
    );
    read(&fits);
    assert!(refused(&nested(127)).starts_with("nested deeper"));
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("NaN".to_owned()),
        Just(r#""\ud83d\ude00""#.to_owned()),
        Just(r#""\udc00""#.to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?(e[+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(" ,"))),
            prop::collection::vec(("[a-c]", inner), 0..4).prop_map(|v| {
                let fields: Vec<_> = v.iter().map(|(k, v)| format!("\"{k}\" :{v}")).collect();
                format!("{{{}}}", fields.join(",\n"))
            }),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        (
            prop_oneof![
                Just("event_id"),
                Just("request_id"),
                Just("kind"),
                Just("op_name"),
                Just("host")
            ],
            any::<String>()
        )
            .prop_map(|(key, value)| format!(
                "\"{key}\":{}",
                serde_json::to_string(&value).unwrap()
            )),
        prop_oneof![Just("op_end"), Just("annotation"), Just("llm_usage")]
            .prop_map(|k| format!("\"kind\":\"{k}\"")),
        any::<u64>().prop_map(|seq| format!("\"seq\":{seq}")),
        Just("\"timestamp\":\"2026-11-21T01:36:21.5Z\"".to_owned()),
        prop::collection::vec("\\PC{0,6}", 0..3)
            .prop_map(|ctx| format!("\"ctx\":{}", serde_json::to_string(&ctx).unwrap())),
        json_text()
            .prop_map(|value| format!("\"payload\":{{\"status\":{value},\"value\":{value}}}")),
        json_text().prop_map(|value| format!("\"x\":{value}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn fast_and_exact_agree_on_everything(fields in prop::collection::vec(field(), 0..8), whole in any::<bool>()) {
        let mut fields = fields;
        if whole {
            fields.extend(["\"event_id\":\"e\"", "\"request_id\":\"r\"", "\"kind\":\"op_yield\"", "\"seq\":1",
                "\"timestamp\":\"2026-11-21T01:36:21Z\""].map(str::to_owned));
        }
        let line = format!("{{{}}}", fields.join(","));
        let (normal, exact) = both(&line);
        prop_assert_eq!(&normal, &exact);
        if let Ok(event) = normal {
            let again = read(&event_to_json(&event));
            prop_assert!(again.is_repeat_of(&event));
            if !line.contains('\n') {
                prop_assert_eq!(&again, &event);
            }
        }
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let line = String::from_utf8_lossy(&bytes).into_owned();
        let _ = both(&line);
    }

    #[test]
    fn no_cut_or_flip_of_a_line_panics(at in 0..LINE.len(), byte in 0x20_u8..0x7f) {
        let _ = both(&LINE[..at]);
        let mut flipped = LINE.as_bytes().to_vec();
        flipped[at] = byte;
        let (normal, exact) = both(&String::from_utf8(flipped).unwrap());
        prop_assert_eq!(normal, exact);
    }
}
