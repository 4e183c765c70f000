//! What is written is read by `opentelemetry-proto`, and what it writes is read here.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use runtrail_otlp_wire::model::{
    Attr, Event, Link, Request, Resource, ResourceSpans, Scope, ScopeSpans, Span, SpanStatus, Value,
};
use runtrail_otlp_wire::protobuf::{Envelope, write_span_field};
use runtrail_otlp_wire::{json, protobuf};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.]{1,9}",
        any::<String>(),
        // Longer than a length of one byte and of two bytes.
        "[a-zé]{200}"
    ]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::Double),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((text(), inner), 0..3)
                .prop_map(|entries| Value::Map(entries.into_iter().map(attr).collect())),
        ]
    })
}

fn attr((key, value): (String, Value<'static>)) -> Attr<'static> {
    Attr::new(key, value)
}

fn attrs() -> impl Strategy<Value = Vec<Attr<'static>>> {
    vec((text(), value()).prop_map(attr), 0..4)
}

fn event() -> impl Strategy<Value = Event<'static>> {
    (any::<u64>(), text(), attrs(), any::<u32>()).prop_map(|(at, name, attributes, dropped)| {
        Event {
            time_nanos: at,
            name: name.into(),
            attributes,
            dropped_attributes_count: dropped,
        }
    })
}

fn link() -> impl Strategy<Value = Link<'static>> {
    (any::<[u8; 16]>(), any::<[u8; 8]>(), attrs()).prop_map(|(trace_id, span_id, attributes)| {
        Link {
            trace_id,
            span_id,
            attributes,
            flags: 257,
            ..Link::default()
        }
    })
}

fn span() -> impl Strategy<Value = Span<'static>> {
    let ids = (
        any::<[u8; 16]>(),
        any::<[u8; 8]>(),
        any::<Option<[u8; 8]>>(),
    );
    let rest = (vec(event(), 0..3), vec(link(), 0..3), text(), 0..3_i32);
    (ids, text(), 0..6_i32, any::<(u64, u64)>(), attrs(), rest).prop_map(
        |((trace_id, span_id, parent), name, kind, (start, end), attributes, rest)| Span {
            trace_id,
            span_id,
            parent_span_id: parent.filter(|id| *id != [0; 8]),
            name: name.into(),
            kind,
            start_nanos: start,
            end_nanos: end,
            attributes,
            dropped_attributes_count: 3,
            events: rest.0,
            links: rest.1,
            status: SpanStatus {
                message: rest.2.into(),
                code: rest.3,
            },
            flags: 1,
            ..Span::default()
        },
    )
}

fn request(spans: Vec<Span<'static>>, attributes: Vec<Attr<'static>>) -> Request<'static> {
    Request {
        resource_spans: vec![ResourceSpans {
            resource: Resource {
                attributes,
                dropped_attributes_count: 0,
            },
            scope_spans: vec![ScopeSpans {
                scope: Scope {
                    name: "runtrail".into(),
                    version: "1".into(),
                    ..Scope::default()
                },
                spans,
                schema_url: "https://example.test/schema".into(),
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn encoded(request: &Request<'_>) -> Vec<u8> {
    let resource = &request.resource_spans[0];
    let scope = &resource.scope_spans[0];
    let envelope = Envelope::new(&resource.resource, &scope.scope, &scope.schema_url);
    let mut fields = Vec::new();
    for span in &scope.spans {
        write_span_field(span, &mut fields);
    }
    let bytes = envelope.request(&fields);
    assert!(bytes.len() <= fields.len() + envelope.overhead());
    bytes
}

/// Lengths take one byte below 128 and two from there on: of values, attributes, lists and spans.
#[test]
fn lengths_of_one_byte_and_of_two_are_told_apart() {
    for length in 90..135 {
        let text = "x".repeat(length);
        let words = |count: usize| vec![Value::from("four"); count];
        let attributes = vec![
            Attr::new("k", text.clone()),
            Attr::new(text.clone(), 1_i64),
            Attr::new(text[..length - 20].to_owned(), i64::MIN),
            Attr::new(text[..length - 10].to_owned(), -0.5),
            Attr::new(text[..length - 3].to_owned(), true),
            Attr::new("", "no key"),
            Attr::new("", Value::Array(words(1))),
            Attr::new("list", Value::Array(words(length / 8))),
            Attr::new(text.clone(), Value::Array(Vec::new())),
            Attr::new("mixed", Value::Array(vec!["a".into(), 1_i64.into()])),
            Attr::new("long", Value::Array(vec![text.clone().into()])),
        ];
        let named = |attributes| Span {
            name: text.clone().into(),
            attributes,
            ..Span::default()
        };
        let ours = request(vec![named(attributes), named(Vec::new())], Vec::new());
        let theirs = ExportTraceServiceRequest::decode(&encoded(&ours)[..]).unwrap();
        let again = theirs.encode_to_vec();
        assert_eq!(protobuf::read_request(&again).unwrap(), ours);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_forms_say_the_same_to_a_peer(spans in vec(span(), 0..4), mut attributes in attrs()) {
        // An empty resource is left out of JSON, where a peer tells "none" from "empty".
        attributes.push(Attr::new("service.name", "x"));
        let ours = request(spans, attributes);
        let bytes = encoded(&ours);
        let from_bytes = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
        let line = json::request(&ours);
        let from_json: ExportTraceServiceRequest = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(&from_bytes, &from_json);

        // The peer leaves out nothing and changes nothing: its own bytes are ours.
        let theirs = from_bytes.encode_to_vec();
        prop_assert_eq!(protobuf::read_request(&theirs).unwrap(), ours.clone());
        let theirs = serde_json::to_string(&from_bytes).unwrap();
        prop_assert_eq!(json::read_request(&theirs).unwrap(), ours);
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        let _ = protobuf::read_request(&bytes);
        let _ = protobuf::read_span(&bytes);
        let span = Span { name: "x".repeat(300).into(), ..Span::default() };
        let mut whole = Vec::new();
        protobuf::write_span(&span, &mut whole);
        let _ = protobuf::read_span(&whole[..cut.index(whole.len())]);
    }
}
