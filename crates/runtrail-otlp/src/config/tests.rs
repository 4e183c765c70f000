use super::*;

fn vars(pairs: &[(&str, &str)]) -> Variables {
    let owned = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Variables::of(owned)
}

fn resolved(pairs: &[(&str, &str)]) -> Config {
    Config::resolve(InCode::default(), &vars(pairs)).unwrap()
}

fn uri(pairs: &[(&str, &str)]) -> String {
    resolved(pairs).endpoint.uri().to_string()
}

#[test]
fn the_path_is_added_to_the_general_endpoint_alone() {
    const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const SIGNAL: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    assert_eq!(uri(&[]), "http://localhost:4318/v1/traces");
    assert_eq!(uri(&[(GENERAL, "  ")]), "http://localhost:4318/v1/traces");
    assert_eq!(uri(&[(GENERAL, "http://a/")]), "http://a/v1/traces");
    assert_eq!(
        uri(&[(GENERAL, "https://a:1/base")]),
        "https://a:1/base/v1/traces"
    );
    assert_eq!(uri(&[(SIGNAL, "http://a:1")]), "http://a:1/");
    assert_eq!(
        uri(&[(SIGNAL, "http://a:1/x?k=v"), (GENERAL, "http://b")]),
        "http://a:1/x?k=v"
    );
    let code = InCode {
        endpoint: Some("http://c".into()),
        ..InCode::default()
    };
    let config = Config::resolve(code, &vars(&[(SIGNAL, "http://a"), (GENERAL, "http://b")]));
    assert_eq!(config.unwrap().endpoint.uri(), "http://c/v1/traces");
}

#[test]
fn the_signal_goes_before_the_general() {
    let both = [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "70"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,B=2"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=3"),
    ];
    let config = resolved(&both);
    assert_eq!(config.compression, Compression::Gzip);
    assert_eq!(config.timeout, Some(Duration::from_millis(70)));
    assert_eq!(
        config.headers.iter().collect::<Vec<_>>(),
        [("a", "1"), ("b", "3")]
    );
}

#[test]
fn the_own_machine_is_not_compressed_for() {
    let of = |endpoint| resolved(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).compression;
    for here in [
        "http://localhost:1",
        "http://127.0.0.9",
        "http://[::1]:4318",
    ] {
        assert_eq!(of(here), Compression::None, "{here}");
    }
    assert_eq!(of("https://collector.example"), Compression::Gzip);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_no_secret_is() {
    let bad = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secret@a"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret\u{7f}"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "secret"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/xml"),
    ];
    let error = Config::resolve(InCode::default(), &vars(&bad)).unwrap_err();
    assert_eq!(error.problems().len(), 6, "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(
        error.to_string().contains("cannot read /nowhere/ca.pem"),
        "{error}"
    );
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    let config = resolved(&[
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "https://a/v1/traces?key=secret",
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret"),
    ]);
    let shown = format!("{config:?} {}", config.endpoint);
    assert!(
        shown.contains("authorization") && !shown.contains("secret"),
        "{shown}"
    );
    assert_eq!(config.endpoint.uri().query(), Some("key=secret"));
}

#[test]
fn a_client_certificate_needs_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cert.pem");
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let bad = [(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        path.to_str().unwrap(),
    )];
    let error = Config::resolve(InCode::default(), &vars(&bad)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a client certificate was given without its key"
    );
}

#[cfg(feature = "grpc")]
#[test]
fn grpc_endpoints_may_lack_a_scheme() {
    let of = |endpoint, insecure| {
        let pairs = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_INSECURE", insecure),
        ];
        uri(&pairs)
    };
    assert_eq!(of("", ""), "http://localhost:4317/");
    assert_eq!(of("collector:4317", ""), "https://collector:4317/");
    assert_eq!(of("collector:4317", "true"), "http://collector:4317/");
    assert_eq!(
        of("http://collector:4317/ignored", ""),
        "http://collector:4317/"
    );
}
