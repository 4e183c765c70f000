//! Settings of two machines' worth: endpoints, certificates, secrets, and off.

use std::time::Duration;

use runtrail_otlp::{Otlp, SendSettings};
use runtrail_testkit::otlp::{Receiver, Reply};

use super::support::{ended, export, protocols, quick, receiver, run_of, to};

fn vars(pairs: &[(&str, String)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

fn path_of(receiver: &Receiver) -> String {
    receiver.look(|store| store.requests.last().unwrap().path.clone())
}

#[test]
fn each_kind_of_endpoint_is_used_as_it_is_meant() {
    let receiver = Receiver::http(|_| Reply::Take);
    let url = receiver.url();
    for (name, value, wanted) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.clone(), "/v1/traces"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("{url}/base/"),
            "/base/v1/traces",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            format!("{url}/own"),
            "/own",
        ),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url.clone(), "/"),
    ] {
        let otlp = Otlp::builder()
            .variables(vars(&[(name, value)]))
            .build()
            .unwrap();
        let (error, counts) = export(otlp, &[ended(run_of("r", 1, 1))]);
        assert!(error.is_none() && counts.accepted == 2);
        assert_eq!(path_of(&receiver), wanted);
    }
}

#[test]
fn the_resource_is_the_service_and_what_the_user_adds() {
    let (tell, told) = std::sync::mpsc::channel();
    let receiver = Receiver::http(move |request| {
        tell.send(request.resource_spans[0].clone()).unwrap();
        Reply::Take
    });
    let named = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url()),
        ("OTEL_SERVICE_NAME", "agents".to_owned()),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=other,team=a%20b".to_owned(),
        ),
    ];
    let otlp = Otlp::builder()
        .variables(vars(&named))
        .resource("zone", "x")
        .build()
        .unwrap();
    export(otlp, &[ended(run_of("r", 1, 1))]);
    let spans = told.recv().unwrap();
    let resource = spans.resource.unwrap();
    let shown: Vec<String> = resource
        .attributes
        .iter()
        .map(|attr| {
            format!(
                "{}={:?}",
                attr.key,
                attr.value.as_ref().unwrap().value.as_ref().unwrap()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#"service.name=StringValue("agents")"#,
            r#"team=StringValue("a b")"#,
            r#"zone=StringValue("x")"#
        ]
    );
    let scope = &spans.scope_spans[0];
    assert_eq!(scope.scope.as_ref().unwrap().name, "runtrail");
    assert!(
        scope
            .schema_url
            .starts_with("https://opentelemetry.io/schemas/")
    );
}

#[test]
fn off_is_off() {
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "TRUE"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ] {
        let otlp = Otlp::builder()
            .variables(vars(&[(name, value.to_owned())]))
            .build()
            .unwrap();
        assert!(!otlp.is_enabled());
        let (error, counts) = export(otlp, &[ended(run_of("r", 3, 1))]);
        assert!(error.is_none());
        assert_eq!((counts.spans, counts.disabled), (0, 4));
    }
    let unknown = vars(&[("OTEL_TRACES_EXPORTER", "zipkin".to_owned())]);
    assert!(Otlp::builder().variables(unknown).build().is_err());
}

const CAPTURE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
const HIDE: &str = "OPENINFERENCE_HIDE_INPUTS";

#[test]
fn content_is_off_unless_asked_for_and_hidden_where_told() {
    use runtrail_otlp::map::Content;
    let sent = |pairs: &[(&str, &str)], asked: Option<Content>| {
        let receiver = Receiver::http(|_| Reply::Take);
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let mut builder = to(&receiver.url()).variables(vars(&pairs));
        if let Some(asked) = asked {
            builder = builder.content(asked);
        }
        export(builder.build().unwrap(), &[ended(run_of("r", 1, 1))]);
        receiver.look(|store| {
            store
                .spans
                .values()
                .any(|span| span.attributes.iter().any(|a| a.key == "input.value"))
        })
    };
    assert!(!sent(&[], None));
    assert!(sent(&[], Some(Content::ALL)));
    assert!(sent(&[(CAPTURE, "span_only")], None));
    assert!(!sent(&[(CAPTURE, "true")], Some(Content::NONE)));
    assert!(!sent(&[(CAPTURE, "true"), (HIDE, "true")], None));
    assert!(!sent(&[(HIDE, "1")], Some(Content::ALL)));
}

#[test]
fn secrets_are_in_no_error_and_nothing_that_is_shown() {
    let url = Receiver::http(|_| Reply::Take).url();
    let settings = SendSettings {
        deadline: Duration::from_millis(20),
        ..quick()
    };
    let builder = to(&url)
        .traces_endpoint(format!("{url}/v1/traces?token=s3cret"))
        .header("authorization", "Bearer s3cret")
        .settings(settings);
    let shown = format!("{builder:?}");
    let otlp = builder.build().unwrap();
    let shown = format!("{shown} {otlp:?}");
    let (error, counts) = export(otlp, &[ended(run_of("r", 1, 1))]);
    let all = format!("{shown} {error:?} {counts:?}");
    assert!(error.is_some() && !all.contains("s3cret"), "{all}");
}

#[test]
fn what_a_server_quotes_of_a_request_holds_no_secret() {
    for protocol in protocols() {
        let receiver = receiver(protocol, None, |_| Reply::Quote);
        let folder = tempfile::tempdir().unwrap();
        let letters = folder.path().join("dead.jsonl");
        let otlp = to(&receiver.url())
            .traces_endpoint(format!("{}/v1/traces?token=qu3rys3cret", receiver.url()))
            .protocol(protocol)
            .header("authorization", "Bearer t0ps3cret")
            .header("x-key", "k3ys3cret")
            .dead_letters(&letters);
        let (error, counts) = export(otlp.build().unwrap(), &[ended(run_of("r", 1, 1))]);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(counts.dead_letters, 2);
        let kept = std::fs::read_to_string(&letters).unwrap();
        let all = format!("{counts:?} {kept}");
        assert!(all.contains("x-key: [hidden]"), "nothing was quoted: {all}");
        assert!(!all.contains("s3cret"), "{all}");
    }
}
