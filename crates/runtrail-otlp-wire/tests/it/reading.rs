//! What is read as OTLP asks for it, and what is refused.

use runtrail_otlp_wire::model::Value;
use runtrail_otlp_wire::{MAX_DEPTH, WireError, json, protobuf};

fn value(json: &str) -> Value<'static> {
    let line = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"k","value":{json}}}]}}]}}]}}]}}"#
    );
    let request = json::read_request(&line).unwrap();
    let mut bytes = Vec::new();
    protobuf::write_span(request.spans().next().unwrap(), &mut bytes);
    match &protobuf::read_span(&bytes).unwrap().attributes[0].value {
        Value::Str(text) => Value::Str(text.to_string().into()),
        Value::Int(number) => Value::Int(*number),
        Value::Double(number) => Value::Double(*number),
        Value::Bytes(bytes) => Value::Bytes(bytes.to_vec().into()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_may_be_strings() {
    assert_eq!(
        value(r#"{"intValue":"-9223372036854775808"}"#),
        Value::Int(i64::MIN)
    );
    assert_eq!(value(r#"{"intValue":12}"#), Value::Int(12));
    assert_eq!(
        value(r#"{"doubleValue":"-Infinity"}"#),
        Value::Double(f64::NEG_INFINITY)
    );
    assert_eq!(value(r#"{"doubleValue":3}"#), Value::Double(3.0));
    assert_eq!(
        value(r#"{"bytesValue":"AAE="}"#),
        Value::Bytes(vec![0, 1].into())
    );
    assert_eq!(value(r#"{"stringValue":"h\u00e9"}"#), Value::from("hé"));
}

#[test]
fn what_is_unknown_is_passed_over() {
    let line = r#"{"new":[{}],"resourceSpans":[{"scopeSpans":[{"spans":[
        {"traceId":"0102030405060708090A0b0c0d0e0f10","spanId":"","parentSpanId":"","kind":3,
         "startTimeUnixNano":"5","endTimeUnixNano":7,"later":{"a":1}}]}]}]}"#;
    let request = json::read_request(line).unwrap();
    let span = request.spans().next().unwrap();
    assert_eq!(
        (span.trace_id[9], span.parent_span_id, span.kind),
        (10, None, 3)
    );
    assert_eq!((span.start_nanos, span.end_nanos), (5, 7));
}

#[test]
fn what_is_torn_or_too_deep_is_refused() {
    for line in [
        "",
        "{",
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xy"}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}"#,
    ] {
        assert!(
            matches!(json::read_request(line), Err(WireError::Json(_))),
            "{line}"
        );
    }
    assert_eq!(
        protobuf::read_span(&[0x0a, 0x10, 1]),
        Err(WireError::CutOff)
    );
    assert_eq!(
        protobuf::read_span(&[0x0a, 0x01, 1]),
        Err(WireError::Malformed("an id has the wrong length"))
    );
    let mut nested = Value::from(1_i64);
    for _ in 0..MAX_DEPTH {
        nested = Value::Array(vec![nested]);
    }
    let span = runtrail_otlp_wire::model::Span {
        attributes: vec![runtrail_otlp_wire::model::Attr::new("k", nested)],
        ..Default::default()
    };
    let mut bytes = Vec::new();
    protobuf::write_span(&span, &mut bytes);
    assert_eq!(protobuf::read_span(&bytes), Err(WireError::TooDeep));
}
