//! Nothing gets past a redactor.

use runtrail_core::event::{Ctx, EventKind, Payload, Slots, TraceEvent};
use runtrail_core::process::{
    Boundary, Chain, Discard, Enrich, EnrichSettings, EventMatch, GroupBy, GroupBySettings, Output,
    Processor, Redact, RedactSettings, ValuePath,
};
use runtrail_core::text::Text;
use runtrail_core::wire::write_event;
use runtrail_testkit::run::RunBuilder;

use super::process::given;

const SECRET: &str = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";

fn redact() -> Box<Redact> {
    Box::new(Redact::new(&RedactSettings::default()).unwrap())
}

fn one(kind: &str, payload: &str) -> TraceEvent {
    let mut run = RunBuilder::new("r");
    run.push(kind, Some("x"), &[], payload);
    run.into_events().remove(0)
}

fn payload(kind: &str, payload: &str) -> String {
    let out = given(vec![redact()], &[one(kind, payload)]);
    out[0].payload.text().to_string()
}

#[test]
fn secrets_are_found_wherever_they_stand() {
    let start = |inputs: &str| payload("op_start", &format!(r#"{{"inputs":{inputs}}}"#));
    for (given, wanted) in [
        (
            r#"[1.10, {"Pass-Word" : [1,{"a":2}], "n":null}]"#,
            r#"[1.10, {"Pass-Word" : "[redacted]", "n":null}]"#,
        ),
        (
            r#"{"p\u0061ssword":1,"password":2}"#,
            r#"{"p\u0061ssword":"[redacted]","password":"[redacted]"}"#,
        ),
        (
            r#"{"password":null,"token_count":7}"#,
            r#"{"password":null,"token_count":7}"#,
        ),
        (r#""a AKIAABCDEFGHIJKLMNOP b""#, r#""a [redacted] b""#),
        (r#""AKIA\u0041BCDEFGHIJKLMNOP""#, r#""[redacted]""#),
        (r#"{"AKIAABCDEFGHIJKLMNOP":1}"#, r#"{"[redacted]":1}"#),
        // A tool call's arguments are JSON inside a text.
        (
            r#""{\"password\":\"x\",\"n\":1}""#,
            r#""{\"password\":\"[redacted]\",\"n\":1}""#,
        ),
    ] {
        assert_eq!(start(given), format!(r#"{{"inputs":{wanted}}}"#));
    }
    assert_eq!(
        payload("annotation", r#"{"key":"api_key","value":{"a":1},"n":1}"#),
        r#"{"key":"api_key","value":"[redacted]","n":1}"#
    );
    assert_eq!(
        payload("annotation", r#"{"key":"note","value":{"a":1}}"#),
        r#"{"key":"note","value":{"a":1}}"#
    );
}

#[test]
fn ids_hide_nothing() {
    let kinds = [("op_start", "parent_id"), ("op_end", "opener_id")];
    for (kind, key) in kinds {
        for hidden in [format!("\"{SECRET}\""), format!("[{{\"a\":\"{SECRET}\"}}]")] {
            let twice = format!(r#"{{"{key}":{hidden},"{key}":"r-0"}}"#);
            let wanted = format!(r#"{{"{key}":"[redacted]","{key}":"r-0"}}"#);
            assert_eq!(payload(kind, &twice), wanted);
        }
    }
    let alone = payload(
        "op_start",
        &format!(r#"{{"parent_id":["{SECRET}"],"status":"{SECRET}"}}"#),
    );
    assert_eq!(alone, r#"{"parent_id":"[redacted]","status":"[redacted]"}"#);
}

#[test]
fn texts_in_texts_come_to_an_end_and_hide_nothing() {
    let mut text = format!(r#"{{"password":"{SECRET}"}}"#);
    for _ in 0..7 {
        text = serde_json::to_string(&[text]).unwrap();
    }
    let redacted = payload("op_start", &format!(r#"{{"inputs":{text}}}"#));
    assert!(
        redacted.contains("[redacted]") && !redacted.contains("ghp_"),
        "{redacted}"
    );
}

/// What becomes of a text in a payload.
fn text(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    let payload = payload("op_start", &format!(r#"{{"inputs":{quoted}}}"#));
    let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
    payload["inputs"].as_str().unwrap().to_owned()
}

const FORMS: &[(&str, &str)] = &[
    // What Python's json writes.
    (
        r#"{"password":"hunter2","score":NaN}"#,
        r#"{"password":"[redacted]","score":NaN}"#,
    ),
    (
        r#"{"\ud83d":1,"password":"hunter2 \ud83d"}"#,
        r#"{"\ud83d":1,"password":"[redacted]"}"#,
    ),
    // Lines of JSON, and values without anything between them.
    (
        "{\"password\":\"hunter2\"}\n{\"token\":[\"hunter2\"]}",
        "{\"password\":\"[redacted]\"}\n{\"token\":\"[redacted]\"}",
    ),
    (
        r#"{}{"a":"{\"password\":\"hunter2\"}"}"#,
        r#"{}{"a":"{\"password\":\"[redacted]\"}"}"#,
    ),
    // Something around it.
    (
        "\u{feff}{\"password\":\"hunter2\"}",
        "\u{feff}{\"password\":\"[redacted]\"}",
    ),
    (
        "Called:\n```json\n{\n  \"password\" : {\"a\":\"}hunter2\"},\n  \"n\": 1\n}\n```",
        "Called:\n```json\n{\n  \"password\" : \"[redacted]\",\n  \"n\": 1\n}\n```",
    ),
    (
        r#"INFO "body={\"api_key\":\"hunter2\",\"n\":1}" done"#,
        r#"INFO "body={\"api_key\":\"[redacted]\",\"n\":1}" done"#,
    ),
    (
        r#"say " {"a":"{\"b\":\"{\\\"token\\\":\\\"hunter2\\\"}\"}"}"#,
        r#"say " {"a":"{\"b\":\"{\\\"token\\\":\\\"[redacted]\\\"}\"}"}"#,
    ),
    // Cut off, or not closed as it was opened.
    (
        r#"{"a":1,"password":"hun"#,
        r#"{"a":1,"password":"[redacted]""#,
    ),
    (
        r#"{"password":["hunter2"}, "x""#,
        r#"{"password":"[redacted]""#,
    ),
    (
        r#"{"password":"hunter2" + "hunter2"}"#,
        r#"{"password":"[redacted]""#,
    ),
    (r#"{"password":hunter2}"#, r#"{"password":"[redacted]""#),
    // What others than JSON write.
    (
        r"{'password': 'it\'s hunter2', 'token': None, 'ok': True}",
        r#"{'password': "[redacted]", 'token': None, 'ok': True}"#,
    ),
    (
        r#"{"password"=>"hunter2", "n"=>1}"#,
        r#"{"password"=>"[redacted]", "n"=>1}"#,
    ),
    (
        r#"{"password": 1234, // comment"#,
        r#"{"password": "[redacted]", // comment"#,
    ),
    // Only a reader that resolves escapes finds these.
    (
        r#"log {"body":"{\u0022password\u0022:\u0022hunter2\u0022}"}"#,
        "[redacted]",
    ),
    (
        r#"log {"p\u0061ssword":"hunter2"}"#,
        r#"log {"p\u0061ssword":"[redacted]"}"#,
    ),
    (r#"log "\u0041KIAABCDEFGHIJKLMNOP""#, "[redacted]"),
];

#[test]
fn no_form_of_json_in_a_text_hides_a_secret() {
    for (given, wanted) in FORMS {
        let once = text(given);
        assert_eq!(once, *wanted);
        assert_eq!(text(&once), once);
    }
    let (deep, end) = ("[".repeat(1100), "]".repeat(1100));
    for given in [
        format!(r#"{{"password":"hunter2","d":{deep}{end}}}"#),
        format!(r#"{{"d":{deep}{end},"password":{deep}"hunter2"{end}}}"#),
    ] {
        let masked = text(&given);
        assert!(!masked.contains("hunter2") && masked.contains(&deep));
    }
}

#[test]
fn a_key_or_a_name_hides_no_more_than_a_text() {
    let hidden = r#"{"password":"hunter2"}"#;
    let quoted = serde_json::to_string(hidden).unwrap();
    let mut event = one("op_start", &format!(r#"{{"inputs":{{{quoted}:1}}}}"#));
    event.op_name = Some(hidden.into());
    event.ctx = Ctx::new([hidden]);
    let mut named = event.clone();
    named.event_id = hidden.into();
    let out = given(vec![redact()], &[event, named]);
    assert_eq!(out.len(), 1);
    let mut line = String::new();
    write_event(&out[0], &mut line);
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn prose_stays_as_it_is() {
    for prose in [
        "[1] The password is asked for first; \"token\" comes later.",
        "{see below} it's 'quoted': \"so\"",
        r"[C:\new\table] \alpha{token}: 'x'",
        "\"The secret\": a story",
        "'token' == x; 'secret'::text",
        "[[[",
        "\\\"",
    ] {
        assert_eq!(text(prose), prose);
    }
}

#[test]
fn everything_of_an_event_is_looked_at() {
    let mut event = one("op_start", "{}");
    event.op_name = Some(SECRET.into());
    event.ctx = Ctx::new(["main", SECRET]);
    event.kind = EventKind::Unknown(SECRET.into());
    event.extra = Some(format!(r#"{{"cookie":"c","x":"{SECRET}"}}"#).into());
    let out = given(vec![redact()], &[event]);
    let mut line = String::new();
    write_event(&out[0], &mut line);
    assert!(!line.contains(SECRET) && !line.contains(r#""c""#), "{line}");
    assert_eq!(out[0].ctx.path(), "main/[redacted]");
}

#[test]
fn what_cannot_be_made_safe_does_not_get_through() {
    let mut chain = Chain::new(vec![redact()]);
    let mut named = one("op_start", "{}");
    named.event_id = SECRET.into();
    let ended = one("op_end", &format!(r#"{{"opener_id":"{SECRET}"}}"#));
    for event in [named, ended] {
        chain.process(event, &mut |event| panic!("{event:?}"));
    }
    let (_, taken, tally) = chain.tallies().next().unwrap();
    assert_eq!((taken, tally.discarded(Discard::Unsafe)), (2, 2));
    let child = one("op_start", &format!(r#"{{"parent_id":"{SECRET}","a":1}}"#));
    chain.process(child, &mut |event| {
        assert_eq!(event.payload.text().as_str(), r#"{"a":1}"#);
    });
}

#[test]
fn a_payload_that_cannot_be_read_is_replaced() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for text in [
        deep.as_str(),
        "{\"a\":",
        "{\"password\":NaN}",
        "\"x\" \"y\"",
    ] {
        let mut event = one("op_start", "{}");
        event.payload = Payload::from_parts(Text::new(text), Slots::default());
        let out = given(vec![redact()], &[event]);
        assert_eq!(
            out[0].payload.text().as_str(),
            r#"{"redacted":"the payload could not be read"}"#
        );
    }
}

#[test]
fn masking_again_changes_nothing() {
    let settings = RedactSettings {
        patterns: vec![r"\w+".into()],
        keys: vec!["*key*".into()],
        ..RedactSettings::default()
    };
    let again = || Box::new(Redact::new(&settings).unwrap());
    let event = one(
        "op_end",
        r#"{"outputs":["a b",12,null],"my_key":1,"status":"ok"}"#,
    );
    let mut event = event;
    // This pattern matches every id; they are of other characters here.
    event.request_id = "-".into();
    event.event_id = "+".into();
    let once = given(vec![again()], &[event.clone()]);
    assert_eq!(
        once[0].payload.text().as_str(),
        r#"{"outputs":["[redacted]","[redacted]",null],"[redacted]":"[redacted]","status":"ok"}"#
    );
    assert_eq!(given(vec![again(), again()], &[event]), once);
}

/// Makes events, changes events and holds them back, all with a secret in them.
#[derive(Default)]
struct Leaky {
    held: Vec<TraceEvent>,
}

impl Processor for Leaky {
    fn name(&self) -> &'static str {
        "leaky"
    }

    fn process(&mut self, mut event: TraceEvent, out: &mut Output) {
        let secret = format!(r#"{{"password":"hunter2","text":"{SECRET}"}}"#);
        let mut made = event.clone();
        made.event_id = format!("{}~leaky", event.event_id).into();
        made.payload = Payload::new(&made.kind, secret.as_str()).unwrap();
        out.make(made);
        let mut named = event.clone();
        named.event_id = SECRET.into();
        out.make(named);
        match event.seq % 3 {
            0 => event.extra = Some(secret.into()),
            1 => event.op_name = Some(SECRET.into()),
            _ => event.payload = Payload::new(&event.kind, secret.as_str()).unwrap(),
        }
        if event.seq.is_multiple_of(2) {
            out.forward(event);
        } else {
            self.held.push(event);
        }
    }

    fn finish(&mut self, _request_id: &Text, out: &mut Output) {
        for event in self.held.drain(..) {
            out.forward(event);
        }
    }

    fn held(&self) -> u64 {
        self.held.len() as u64
    }
}

#[test]
fn no_processor_brings_a_secret_past_a_redactor() {
    let mut run = RunBuilder::new("r");
    for n in 0..12 {
        let payload = format!(r#"{{"value":"{SECRET}","key":"turn","n":{n}}}"#);
        run.push("annotation", Some("x"), &[], &payload);
    }
    let run = run.into_events();
    let by_key = || {
        let boundary = Boundary::KeyChange(ValuePath::new("value").unwrap());
        Box::new(GroupBy::new(GroupBySettings::new(boundary)).unwrap())
    };
    let named = || {
        let mut settings = GroupBySettings::new(Boundary::Every(3, EventMatch::any()));
        settings.group = SECRET.to_owned();
        Box::new(GroupBy::new(settings).unwrap())
    };
    let enrich = || {
        let fields = vec![("note".to_owned(), format!("\"{SECRET}\""))];
        let settings = EnrichSettings {
            fields,
            ..EnrichSettings::default()
        };
        Box::new(Enrich::new(&settings).unwrap())
    };
    for place in 0..5 {
        let mut processors: Vec<Box<dyn Processor>> =
            vec![Box::<Leaky>::default(), by_key(), named(), enrich()];
        processors.insert(place, redact());
        let out = given(processors, &run);
        assert!(out.len() >= 24, "{}", out.len());
        for event in &out {
            let mut line = String::new();
            write_event(event, &mut line);
            assert!(
                !line.contains("ghp_") && !line.contains("hunter2"),
                "{line}"
            );
        }
    }
}

#[test]
fn settings_are_checked_and_never_shown() {
    let refused = |keys: &[&str], patterns: &[&str]| {
        let settings = RedactSettings {
            keys: keys.iter().map(ToString::to_string).collect(),
            patterns: patterns.iter().map(ToString::to_string).collect(),
            ..RedactSettings::default()
        };
        assert!(!format!("{settings:?}").contains("hunter2"));
        Redact::new(&settings).err().map(|error| error.to_string())
    };
    let said = refused(&[], &["ok+", "hunter2("]).unwrap();
    assert_eq!(said, "patterns: number 2 is not a regular expression");
    let said = refused(&[], &["x*"]).unwrap();
    assert_eq!(said, "patterns: number 1 matches the empty text");
    assert!(refused(&["-_"], &[]).is_some());
    assert_eq!(refused(&[], &[]), None);
}
