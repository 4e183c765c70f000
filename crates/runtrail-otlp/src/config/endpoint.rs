//! Where spans go.

use http::Uri;

use super::{InCode, Protocol};
use crate::variables::Variables;

/// Where spans go. Shown without user, password and query, which may be secret.
#[derive(Clone)]
pub(crate) struct Endpoint {
    uri: Uri,
    /// As it may be shown.
    shown: String,
}

const DEFAULT_HTTP: &str = "http://localhost:4318";
const DEFAULT_GRPC: &str = "http://localhost:4317";

impl Endpoint {
    pub(crate) fn resolve(
        code: &InCode,
        vars: &Variables,
        protocol: Protocol,
    ) -> Result<Self, String> {
        let signal = vars.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let general = vars.get("OTEL_EXPORTER_OTLP_ENDPOINT");
        // What is said in code is more than any variable, and a signal's endpoint is used as it is.
        let (name, text, whole) = match (&code.traces_endpoint, &code.endpoint, signal, general) {
            (Some(text), ..) => ("the traces endpoint", text.as_str(), true),
            (_, Some(text), ..) => ("the endpoint", text.as_str(), false),
            (_, _, Some(text), _) => ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", text, true),
            (_, _, _, Some(text)) => ("OTEL_EXPORTER_OTLP_ENDPOINT", text, false),
            _ if protocol == Protocol::Grpc => ("the default endpoint", DEFAULT_GRPC, false),
            _ => ("the default endpoint", DEFAULT_HTTP, false),
        };
        let insecure = super::signal_or_general(vars, "INSECURE");
        let insecure = insecure.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
        let text = with_scheme(text, protocol, insecure);
        Self::read(&text, protocol, whole).map_err(|problem| format!("{name} {problem}"))
    }

    fn read(text: &str, protocol: Protocol, whole: bool) -> Result<Self, String> {
        const WANTED: &str = "is not a URL such as http://localhost:4318";
        let uri: Uri = text.parse().map_err(|_| WANTED.to_owned())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(WANTED.to_owned());
        };
        if !matches!(scheme, "http" | "https") {
            return Err("is neither http nor https".to_owned());
        }
        if authority.host().is_empty() {
            return Err("names no host".to_owned());
        }
        if authority.as_str().contains('@') {
            return Err("holds a user or a password: put them into a header".to_owned());
        }
        let path = match protocol {
            Protocol::Grpc => "/".to_owned(),
            _ if whole => uri.path().to_owned(),
            _ => format!("{}/v1/traces", uri.path().trim_end_matches('/')),
        };
        let query = uri.query().filter(|_| protocol != Protocol::Grpc);
        let path_and_query = match query {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        let shown = format!("{scheme}://{authority}{}", path.trim_end_matches('/'));
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(authority.as_str())
            .path_and_query(path_and_query)
            .build()
            .map_err(|_| WANTED.to_owned())?;
        Ok(Self { uri, shown })
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Whether it is on this machine, as far as its name says.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let address = address.parse::<std::net::IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback())
    }
}

/// gRPC endpoints are often written without a scheme.
fn with_scheme(text: &str, protocol: Protocol, insecure: bool) -> String {
    if protocol != Protocol::Grpc || text.contains("://") {
        return text.to_owned();
    }
    let scheme = if insecure { "http" } else { "https" };
    format!("{scheme}://{text}")
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}
