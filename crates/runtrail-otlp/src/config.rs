//! Settings: code, then the signal's variable, then the general one, then the default.

mod endpoint;
mod error;
mod headers;
mod secrets;
mod tls;

pub use error::ConfigError;

pub(crate) use endpoint::Endpoint;
pub(crate) use headers::Headers;
pub(crate) use secrets::Secrets;
pub(crate) use tls::{Tls, TlsFiles};

use std::time::Duration;

use crate::variables::Variables;

/// How spans are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// Protobuf over HTTP.
    HttpProtobuf,
    /// JSON over HTTP: larger and slower, for receivers and eyes that read nothing else.
    HttpJson,
    /// Protobuf over gRPC; needs the feature `grpc`.
    Grpc,
}

/// How requests are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// Gzip at its quickest level.
    Gzip,
    /// Zstandard over HTTP; needs the feature `zstd`. A server that refuses it gets gzip, and so does
    /// one that is talked to over gRPC.
    Zstd,
}

/// What was said in code.
#[derive(Clone, Default)]
pub(crate) struct InCode {
    pub(crate) endpoint: Option<String>,
    pub(crate) traces_endpoint: Option<String>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) compression: Option<Compression>,
    pub(crate) headers: Headers,
    pub(crate) timeout: Option<Duration>,
    pub(crate) tls: TlsFiles,
}

/// What sending goes by.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) protocol: Protocol,
    pub(crate) endpoint: Endpoint,
    pub(crate) compression: Compression,
    pub(crate) headers: Headers,
    pub(crate) timeout: Option<Duration>,
    pub(crate) tls: Tls,
}

impl Config {
    /// Puts the settings together; says everything that is wrong at once.
    pub(crate) fn resolve(code: InCode, vars: &Variables) -> Result<Self, ConfigError> {
        let mut errors = ConfigError::default();
        let protocol = errors
            .take(protocol(&code, vars))
            .unwrap_or(Protocol::HttpProtobuf);
        let endpoint = errors.take(Endpoint::resolve(&code, vars, protocol));
        let given = errors.take(compression(&code, vars)).flatten();
        let headers = errors.take(headers(code.headers, vars));
        let timeout = errors.take(timeout(code.timeout, vars)).flatten();
        let tls = errors.take(Tls::resolve(code.tls, vars));
        match (endpoint, headers, tls) {
            (Some(endpoint), Some(headers), Some(tls)) if errors.is_empty() => Ok(Self {
                protocol,
                // Compressing for the own machine costs more than it saves.
                compression: given.unwrap_or(if endpoint.is_loopback() {
                    Compression::None
                } else {
                    Compression::Gzip
                }),
                endpoint,
                headers,
                timeout,
                tls,
            }),
            _ => Err(errors),
        }
    }
}

/// The signal's variable, or else the general one, with its name.
pub(crate) fn signal_or_general<'v>(vars: &'v Variables, what: &str) -> Option<(String, &'v str)> {
    ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"]
        .into_iter()
        .find_map(|prefix| {
            let name = format!("{prefix}{what}");
            let value = vars.get(&name)?;
            Some((name, value))
        })
}

fn protocol(code: &InCode, vars: &Variables) -> Result<Protocol, String> {
    let said = match code.protocol {
        Some(protocol) => protocol,
        None => match signal_or_general(vars, "PROTOCOL") {
            None | Some((_, "http/protobuf")) => Protocol::HttpProtobuf,
            Some((_, "http/json")) => Protocol::HttpJson,
            Some((_, "grpc")) => Protocol::Grpc,
            Some((name, _)) => {
                return Err(format!(
                    "{name} is none of `http/protobuf`, `http/json`, `grpc`"
                ));
            }
        },
    };
    if said == Protocol::Grpc && cfg!(not(feature = "grpc")) {
        return Err("gRPC was asked for, and this build has none (feature `grpc`)".to_owned());
    }
    Ok(said)
}

fn compression(code: &InCode, vars: &Variables) -> Result<Option<Compression>, String> {
    let said = match code.compression {
        Some(compression) => Some(compression),
        None => match signal_or_general(vars, "COMPRESSION") {
            None => None,
            Some((_, "none")) => Some(Compression::None),
            Some((_, "gzip")) => Some(Compression::Gzip),
            Some((_, "zstd")) => Some(Compression::Zstd),
            Some((name, _)) => {
                return Err(format!("{name} is none of `none`, `gzip`, `zstd`"));
            }
        },
    };
    if said == Some(Compression::Zstd) && cfg!(not(feature = "zstd")) {
        return Err("Zstandard was asked for, and this build has none (feature `zstd`)".to_owned());
    }
    Ok(said)
}

/// Headers of the general variable, those of the signal's over them, those of the code over all.
fn headers(code: Headers, vars: &Variables) -> Result<Headers, String> {
    let mut all = Headers::default();
    for name in [
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    ] {
        let listed = vars.get(name).unwrap_or_default();
        let pairs = crate::variables::pairs(listed).map_err(|error| format!("{name}: {error}"))?;
        for (key, value) in pairs {
            all.set(key, value);
        }
    }
    all.over(code).checked()
}

fn timeout(code: Option<Duration>, vars: &Variables) -> Result<Option<Duration>, String> {
    if code.is_some() {
        return Ok(code);
    }
    let Some((name, value)) = signal_or_general(vars, "TIMEOUT") else {
        return Ok(None);
    };
    match value.parse() {
        Ok(millis) if millis > 0 => Ok(Some(Duration::from_millis(millis))),
        _ => Err(format!("{name} is not a number of milliseconds")),
    }
}

#[cfg(test)]
mod tests;
