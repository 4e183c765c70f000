//! Records as JSON.

use proptest::prelude::*;
use runtrail_core::link::{Link, Source};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use runtrail_trigger::{
    EventMarker, EventRecord, JsonText, Limit, LinkRecord, MarkerPage, Outcome, Page, Record,
    RecordError, RunState, TriggerRunParticipant, TriggerRunRecord, trigger_run_id,
};

fn event_error(text: &str) -> String {
    EventRecord::from_json(text).unwrap_err().to_string()
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    for (text, error) in [
        ("[]", "the event is not a JSON object"),
        ("{", "the event is not a JSON object"),
        ("{}", r#"the event has no "event_id""#),
        (
            r#"{"event_id":7}"#,
            r#""event_id" of the event is not a string"#,
        ),
        (
            r#"{"event_id":"e","code":"c"}"#,
            r#"the event has no "timestamp""#,
        ),
        (
            r#"{"event_id":"e","code":"c","timestamp":null}"#,
            r#"the event has no "timestamp""#,
        ),
        (
            r#"{"event_id":"e","code":"c","timestamp":"today"}"#,
            r#""timestamp" of the event is not a time"#,
        ),
        (
            r#"{"event_id":"e","code":"c","timestamp":"2026-11-21T01:00:00Z","matched_conditions":[1]}"#,
            r#""matched_conditions" of the event is not a list of strings"#,
        ),
    ] {
        assert_eq!(event_error(text), error, "{text}");
    }
    let run = |rest: &str| {
        let text = format!(r#"{{"trigger_run_id":"p","trigger_id":"t",{rest}}}"#);
        TriggerRunRecord::from_json(&text).map_err(|error| error.to_string())
    };
    let planned = r#""planned_at":"2026-11-21T01:00:00Z""#;
    for (rest, error) in [
        (
            r#""state":"pending""#.to_owned(),
            r#"the trigger run has no "planned_at""#,
        ),
        (planned.to_owned(), r#"the trigger run has no "state""#),
        (
            format!(r#"{planned},"state":"done""#),
            r#""state" of the trigger run is not one of pending, started and abandoned"#,
        ),
        (
            format!(r#"{planned},"state":"started""#),
            r#"the trigger run has no "request_id""#,
        ),
        (
            format!(
                r#"{planned},"state":"pending","participants":[{{"condition_id":"c","source":"event"}}]"#
            ),
            r#""source" of the participant is not an event, a run, a clock or another source with its id"#,
        ),
        (
            format!(
                r#"{planned},"state":"pending","participants":[{{"condition_id":"c","source":"clock"}}]"#
            ),
            r#"the participant has no "at""#,
        ),
    ] {
        assert_eq!(run(&rest).unwrap_err(), error, "{rest}");
    }
}

#[test]
fn what_other_engines_write_is_understood() {
    let text = r#"{"condition_id":"c","trigger_run_id":"p","trigger_id":"t",
        "planned_at":"2026-11-21 01:00:00.25","state":"started","request_id":"r","completed_at":null,
        "participants":[{"condition_id":"c","from_request_id":"r0","at":"2026-11-21T08:00:00+07:00","x":[1.0]}]}"#;
    let run = TriggerRunRecord::from_json(text).unwrap();
    assert_eq!(run.planned_at.to_string(), "2026-11-21T01:00:00.250000Z");
    let outcome = Outcome::Started {
        request_id: "r".into(),
        at: None,
    };
    assert_eq!(run.state, RunState::Completed(outcome));
    assert_eq!(run.last_time(), run.planned_at);
    let source = Source::Run {
        request_id: "r0".into(),
    };
    assert_eq!(run.participants[0].source, source);
    assert_eq!(
        run.to_json(),
        r#"{"trigger_run_id":"p","trigger_id":"t","planned_at":"2026-11-21T01:00:00.250000Z","state":"started","request_id":"r","participants":[{"condition_id":"c","source":"run","from_request_id":"r0","at":"2026-11-21T01:00:00.000000Z","x":[1.0]}],"condition_id":"c"}"#
    );
    let nulls = r#"{"trigger_run_id":"p","trigger_id":"t","planned_at":"2026-11-21T01:00:00Z","state":"pending","participants":null}"#;
    assert!(
        TriggerRunRecord::from_json(nulls)
            .unwrap()
            .participants
            .is_empty()
    );
}

#[test]
fn a_page_with_an_impossible_limit_is_refused() {
    for limit in ["0", "-1", "null", "1.5"] {
        let text = format!(r#"{{"markers":[],"total":0,"limit":{limit}}}"#);
        let refused = matches!(
            MarkerPage::from_json(&text),
            Err(RecordError::WrongType { key: "limit", .. }
                | RecordError::Missing { key: "limit", .. })
        );
        assert!(refused, "{limit}");
    }
}

#[test]
fn an_id_is_derived_from_what_satisfied_the_conditions() {
    let by = |condition: &str, run: &str| {
        let source = Source::Run {
            request_id: run.into(),
        };
        TriggerRunParticipant::new(condition, source, Timestamp::from_micros(1))
    };
    let id = |trigger: &str, participants: &[TriggerRunParticipant]| {
        trigger_run_id(trigger, participants).to_string()
    };
    let one = id("t", &[by("a", "r"), by("b", "s")]);
    // Schedulers of different versions have to derive the same.
    assert_eq!(one, "f3bc75521ea38fe647905b1e85d77dec");
    assert_eq!(one, id("t", &[by("b", "s"), by("a", "r")]));
    for other in [
        id("t", &[by("a", "s"), by("b", "r")]),
        id("tt", &[by("a", "r"), by("b", "s")]),
        id("t", &[by("a", "r")]),
        id("t", &[by("ar", ""), by("b", "s")]),
    ] {
        assert_ne!(one, other);
    }
}

fn text() -> impl Strategy<Value = Text> {
    "[a-c\"\\\\\u{1f600}\n/]{0,6}".prop_map(Text::from)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (
        -10_000_000_000_000_000..10_000_000_000_000_000_i64,
        0..1000_u16,
    )
        .prop_map(|(micros, nanos)| Timestamp::from_parts(micros, nanos))
}

fn extra() -> impl Strategy<Value = Option<JsonText>> {
    let extras = [
        None,
        JsonText::parse(r#"{"x":1.10,"y":[{"z":null}],"x":"again"}"#),
        JsonText::parse(r#"{"é\n":12345678901234567890}"#),
    ];
    prop::sample::select(extras.to_vec())
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        (text(), prop::option::of(text())).prop_map(|(event_id, request_id)| Source::Event {
            event_id,
            request_id
        }),
        text().prop_map(|request_id| Source::Run { request_id }),
        Just(Source::Clock),
        text().prop_map(|id| Source::Other {
            kind: "file".into(),
            id
        }),
    ]
}

fn event() -> impl Strategy<Value = EventRecord> {
    let lists = prop::array::uniform3(prop::collection::vec(text(), 0..3));
    let content = prop_oneof![Just("null"), Just("[1,2]"), Just(r#"{"a": "b c"}"#)];
    (
        text(),
        text(),
        time(),
        prop::option::of(text()),
        content,
        lists,
        extra(),
    )
        .prop_map(
            |(event_id, code, timestamp, request_id, payload, [matched, valid, runs], extra)| {
                let mut event = EventRecord::new(event_id, code, timestamp);
                event.request_id = request_id;
                // A payload of null reads as one that is missing.
                event.payload = match payload {
                    "null" => JsonText::default(),
                    text => JsonText::parse(text).unwrap(),
                };
                event.matched_conditions = matched;
                event.valid_conditions = valid;
                event.triggered_runs = runs;
                event.extra = extra;
                event
            },
        )
}

fn state() -> impl Strategy<Value = RunState> {
    let at = || prop::option::of(time());
    prop_oneof![
        Just(RunState::Pending),
        (text(), at()).prop_map(|(request_id, at)| {
            RunState::Completed(Outcome::Started { request_id, at })
        }),
        (text(), at())
            .prop_map(|(reason, at)| RunState::Completed(Outcome::Abandoned { reason, at })),
    ]
}

fn participant() -> impl Strategy<Value = TriggerRunParticipant> {
    (text(), source(), time(), extra()).prop_map(|(condition_id, source, at, extra)| {
        TriggerRunParticipant {
            condition_id,
            source,
            at,
            extra,
        }
    })
}

proptest! {
    #[test]
    fn an_event_reads_back(event in event()) {
        let json = event.to_json();
        prop_assert!(!json.contains('\n'));
        prop_assert_eq!(EventRecord::from_json(&json), Ok(event));
    }

    #[test]
    fn a_trigger_run_reads_back(
        ids in (text(), text()),
        planned_at in time(),
        state in state(),
        participants in prop::collection::vec(participant(), 0..3),
        extra in extra(),
    ) {
        let (trigger_run_id, trigger_id) = ids;
        let run = TriggerRunRecord { trigger_run_id, trigger_id, planned_at, state, participants, extra };
        prop_assert_eq!(TriggerRunRecord::from_json(&run.to_json()), Ok(run));
    }

    #[test]
    fn a_link_reads_back(to in text(), source in source(), ids in prop::array::uniform3(prop::option::of(text())), at in time()) {
        let [trigger_run_id, trigger_id, condition_id] = ids;
        let link = LinkRecord {
            to_request_id: to,
            link: Link { source, trigger_run_id, trigger_id, condition_id, at },
        };
        prop_assert_eq!(LinkRecord::from_json(&link.to_json()), Ok(link));
    }

    #[test]
    fn a_page_reads_back(events in prop::collection::vec(event(), 0..4), total in 0..u64::from(u32::MAX), limit in 1..6000_i64, cut in any::<bool>()) {
        let items: Vec<EventMarker> = events.iter().map(EventRecord::marker).collect();
        let next = items.last().filter(|_| cut).map(|last| {
            format!("{}/{}", last.timestamp, last.event_id).parse().unwrap()
        });
        let page: MarkerPage = Page { items, total, limit: Limit::new(limit).unwrap(), next };
        prop_assert_eq!(MarkerPage::from_json(&page.to_json()), Ok(page));
    }

    #[test]
    fn no_text_panics(text in ".{0,60}", event in event(), at in any::<prop::sample::Index>()) {
        let _ = EventRecord::from_json(&text);
        let mut json: Vec<char> = event.to_json().chars().collect();
        let at = at.index(json.len());
        json.remove(at);
        let json: String = json.into_iter().collect();
        let _ = EventRecord::from_json(&json);
        let _ = TriggerRunRecord::from_json(&json);
        let _ = MarkerPage::from_json(&json);
    }
}
