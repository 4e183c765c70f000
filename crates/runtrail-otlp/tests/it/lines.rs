//! Files of spans go by the same variables as what is sent.

use std::time::Instant;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use runtrail_core::export::{ExportError, Exporter};
use runtrail_otlp::OtlpLines;
use runtrail_otlp::map::Content;

use super::support::{ended, run_of};

const CAPTURE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
const HIDE: &str = "OPENINFERENCE_HIDE_INPUTS";

/// What one line of a file comes to, decoded by somebody else.
fn written(
    variables: &[(&str, &str)],
    set_up: impl FnOnce(OtlpLines) -> OtlpLines,
) -> Result<ExportTraceServiceRequest, ExportError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.jsonl");
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let lines = set_up(OtlpLines::file(&path).variables(variables));
    let mut exporter = Box::new(lines.into_exporter());
    exporter.export(&ended(run_of("r", 1, 1)))?;
    exporter.close(Instant::now())?;
    Ok(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn resource(request: &ExportTraceServiceRequest) -> Vec<String> {
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let attributes = resource.attributes.iter();
    attributes.map(|attr| format!("{attr:?}")).collect()
}

#[test]
fn the_service_and_the_resource_are_those_of_the_variables_unless_code_says_otherwise() {
    let variables = [
        ("OTEL_SERVICE_NAME", "agents"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=a"),
    ];
    let shown = resource(&written(&variables, |lines| lines).unwrap());
    assert!(
        shown[0].contains("agents") && shown[1].contains("team"),
        "{shown:?}"
    );
    let in_code = |lines: OtlpLines| lines.service_name("own").resource("team", "b");
    let shown = resource(&written(&variables, in_code).unwrap());
    assert!(
        shown[0].contains("own") && shown[1].contains("\"b\""),
        "{shown:?}"
    );
    assert_eq!(shown.len(), 2);
    let nobody = resource(&written(&[], |lines| lines).unwrap());
    assert!(nobody[0].contains("runtrail"), "{nobody:?}");
    let error = written(&[("OTEL_RESOURCE_ATTRIBUTES", "secret")], |lines| lines);
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "OTEL_RESOURCE_ATTRIBUTES: pair 1 has no `=`");
}

#[test]
fn content_is_written_where_asked_for_and_never_where_it_is_to_be_hidden() {
    let has_input = |variables: &[(&str, &str)], asked: Option<Content>| {
        let request = written(variables, |lines| match asked {
            Some(content) => lines.content(content),
            None => lines,
        });
        format!("{:?}", request.unwrap()).contains("input.value")
    };
    assert!(!has_input(&[], None));
    assert!(has_input(&[], Some(Content::ALL)));
    assert!(has_input(&[(CAPTURE, "true")], None));
    assert!(!has_input(&[(CAPTURE, "true")], Some(Content::NONE)));
    assert!(!has_input(&[(HIDE, "true")], Some(Content::ALL)));
}
