//! OpenTelemetry spans, sent to a receiver or written to a file.

use std::path::PathBuf;
use std::time::Duration;

use runtrail_core::fold::{Fold, FoldLimits};
use runtrail_otlp::map::{Content, MapSettings, Overlay};
use runtrail_otlp::{Compression, Otlp, OtlpBuilder, OtlpLines, Protocol, SendSettings};

use super::{Around, Opened, Settings, Wrappers};
use crate::config::problem::one_of;
use crate::config::section::{Document, Section};

/// What both exporters are told.
#[derive(Default)]
struct Common {
    service_name: Option<String>,
    resource: Vec<(String, String)>,
    mapping: MapSettings,
    content: Option<Content>,
}

/// What the exporter `otlp` is told; what is not said is for OpenTelemetry's variables to say.
#[derive(Default)]
struct Sending {
    common: Common,
    headers: Vec<(String, String)>,
    protocol: Option<Protocol>,
    compression: Option<Compression>,
    attempt_timeout: Option<Duration>,
    root_certificates: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
    dead_letters: Option<PathBuf>,
    settings: SendSettings,
}

/// What the exporter `otlp-json` is told.
struct Lines(Common);

/// Reads the keys of `otlp`.
pub(super) fn read(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> Box<dyn Settings> {
    check_endpoint(section, to);
    let protocols = [
        ("http/protobuf", Protocol::HttpProtobuf),
        ("http/json", Protocol::HttpJson),
        ("grpc", Protocol::Grpc),
    ];
    let compressions = [
        ("none", Compression::None),
        ("gzip", Compression::Gzip),
        ("zstd", Compression::Zstd),
    ];
    let certificate = section.string("client_certificate", to);
    let key = section.string("client_key", to);
    let client = match (&certificate, &key) {
        (Some(certificate), Some(key)) => Some((certificate.value.into(), key.value.into())),
        (None, None) => None,
        (Some(lone), None) | (None, Some(lone)) => {
            let message = "`client_certificate` and `client_key` go together";
            to.problem(&lone.span, message, None);
            None
        }
    };
    Box::new(Sending {
        common: common(section, to),
        headers: section.string_fields("headers", to),
        protocol: choice(section, "protocol", &protocols, to),
        compression: choice(section, "compression", &compressions, to),
        attempt_timeout: section.duration("attempt_timeout", to),
        root_certificates: path(section, "root_certificates", to),
        client,
        dead_letters: path(section, "dead_letters", to),
        settings: numbers(section, to),
    })
}

/// Reads the keys of `otlp-json`.
pub(super) fn read_lines(
    section: &mut Section<'_, '_>,
    to: &mut Document<'_>,
) -> Box<dyn Settings> {
    Box::new(Lines(common(section, to)))
}

/// What is no URL is told where it stands; whether anybody listens there shows when spans are sent.
fn check_endpoint(section: &mut Section<'_, '_>, to: &mut Document<'_>) {
    // Asked for before, and what is wrong with its kind noted.
    let mut unheard = Document::new("", "");
    let Some(endpoint) = section.string("endpoint", &mut unheard) else {
        return;
    };
    let host = endpoint.value.split_once("://").filter(|(scheme, rest)| {
        let scheme = scheme.to_ascii_lowercase();
        matches!(&*scheme, "http" | "https") && !rest.is_empty()
    });
    if host.is_none() {
        let message = "`endpoint` must be a URL such as \"http://localhost:4318\"";
        to.problem(&endpoint.span, message, None);
    }
}

fn common(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> Common {
    let names = [
        ("langfuse", Overlay::Langfuse),
        ("mlflow", Overlay::Mlflow),
        ("langsmith", Overlay::Langsmith),
    ];
    let listed = section.strings("overlays", to);
    let mut overlays = Vec::new();
    for name in listed.iter().flat_map(|at| &at.value) {
        match names.iter().find(|(known, _)| known == name) {
            Some((_, overlay)) => overlays.push(*overlay),
            None => {
                let help = one_of(name, &names.map(|(known, _)| known));
                let place = section.span_of("overlays");
                to.problem(&place, format!("unknown overlay `{name}`"), Some(help));
            }
        }
    }
    let content = section.boolean("content", to);
    let content = content.map(|all| if all { Content::ALL } else { Content::NONE });
    Common {
        service_name: section
            .string("service_name", to)
            .map(|at| at.value.to_owned()),
        resource: section.string_fields("resource", to),
        mapping: MapSettings {
            namespace: section
                .string("namespace", to)
                .map_or_else(String::new, |at| at.value.to_owned()),
            overlays,
            ..MapSettings::default()
        },
        content,
    }
}

fn numbers(section: &mut Section<'_, '_>, to: &mut Document<'_>) -> SendSettings {
    let default = SendSettings::default();
    let settings = SendSettings {
        batch_bytes: section
            .bytes("batch_bytes", to)
            .unwrap_or(default.batch_bytes),
        batch_spans: section
            .number("batch_spans", to)
            .unwrap_or(default.batch_spans),
        held_bytes: section
            .bytes("held_bytes", to)
            .unwrap_or(default.held_bytes),
        hold: section.duration("hold", to).unwrap_or(default.hold),
        deadline: section.duration("deadline", to).unwrap_or(default.deadline),
        first_backoff: section
            .duration("first_backoff", to)
            .unwrap_or(default.first_backoff),
        max_backoff: section
            .duration("max_backoff", to)
            .unwrap_or(default.max_backoff),
        max_retry_after: section
            .duration("max_retry_after", to)
            .unwrap_or(default.max_retry_after),
        spans_per_second: section.number("max_spans_per_second", to),
        attempt_timeout: default.attempt_timeout,
    };
    for (key, is_zero) in [
        ("batch_bytes", settings.batch_bytes == 0),
        ("batch_spans", settings.batch_spans == 0),
        ("max_spans_per_second", settings.spans_per_second == Some(0)),
    ] {
        if is_zero {
            to.problem(
                &section.span_of(key),
                format!("`{key}` must be at least 1"),
                None,
            );
        }
    }
    settings
}

fn path(
    section: &mut Section<'_, '_>,
    key: &'static str,
    to: &mut Document<'_>,
) -> Option<PathBuf> {
    section.string(key, to).map(|at| PathBuf::from(at.value))
}

/// Reads one of some words.
fn choice<T: Copy, const N: usize>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    words: &[(&str, T); N],
    to: &mut Document<'_>,
) -> Option<T> {
    let at = section.string(key, to)?;
    let found = words.iter().find(|(word, _)| *word == at.value);
    if found.is_none() {
        let help = one_of(at.value, &words.each_ref().map(|(word, _)| *word));
        to.problem(
            &at.span,
            format!("unknown {key} `{}`", at.value),
            Some(help),
        );
    }
    found.map(|(_, value)| *value)
}

impl Sending {
    fn builder(self, to: &str) -> OtlpBuilder {
        let Self { common, .. } = self;
        let mut builder = Otlp::builder()
            .mapping(common.mapping)
            .settings(self.settings);
        // Who names the whole path means that path.
        let path = to.split(['?', '#']).next().unwrap_or(to);
        if path.ends_with("/v1/traces") {
            builder = builder.traces_endpoint(to);
        } else if !to.is_empty() {
            builder = builder.endpoint(to);
        }
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        for (key, value) in common.resource {
            builder = builder.resource(key, value);
        }
        if let Some(name) = common.service_name {
            builder = builder.service_name(name);
        }
        if let Some(content) = common.content {
            builder = builder.content(content);
        }
        if let Some(protocol) = self.protocol {
            builder = builder.protocol(protocol);
        }
        if let Some(compression) = self.compression {
            builder = builder.compression(compression);
        }
        if let Some(timeout) = self.attempt_timeout {
            builder = builder.attempt_timeout(timeout);
        }
        if let Some(path) = self.root_certificates {
            builder = builder.root_certificates(path);
        }
        if let Some((certificate, key)) = self.client {
            builder = builder.client_certificate(certificate, key);
        }
        if let Some(path) = self.dead_letters {
            builder = builder.dead_letters(path);
        }
        builder
    }
}

impl Settings for Sending {
    fn open(self: Box<Self>, to: &mut String, _wrappers: &Wrappers, around: Around<'_>) -> Opened {
        let builder = self.builder(to);
        let otlp = builder
            .variables(around.variables.iter().cloned())
            .build()?;
        *to = otlp.endpoint().map_or_else(
            || "nowhere, as OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER says".to_owned(),
            str::to_owned,
        );
        Ok(Box::new(otlp.into_exporter()))
    }
}

impl Settings for Lines {
    fn open(self: Box<Self>, to: &mut String, wrappers: &Wrappers, around: Around<'_>) -> Opened {
        let Self(common) = *self;
        let fold = Fold::new(&common.mapping.namespace, FoldLimits::default());
        let mut lines = OtlpLines::file(&*to)
            .mapping(common.mapping)
            .variables(around.variables.iter().cloned());
        if let Some(content) = common.content {
            lines = lines.content(content);
        }
        if let Some(name) = common.service_name {
            lines = lines.service_name(name);
        }
        for (key, value) in common.resource {
            lines = lines.resource(key, value);
        }
        Ok(wrappers.beneath_fold(Box::new(lines), fold, around.pause))
    }
}

/// Shows names alone: headers hold secrets.
impl std::fmt::Debug for Sending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers = self.headers.iter().map(|(name, _)| name);
        f.debug_struct("Sending")
            .field("headers", &headers.collect::<Vec<_>>())
            .field("protocol", &self.protocol)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("mapping", &self.0.mapping)
            .finish_non_exhaustive()
    }
}
