//! Setting up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Otlp;
use super::hurry::Hurry;
use super::sender::Sender;
use super::turns::Turns;
use crate::config::{Compression, Config, ConfigError, InCode, Protocol, Secrets};
use crate::map::{Content, MapSettings, Mapper, TraceContext};
use crate::report::OtlpReport;
use crate::send::{CollectLimits, Collector, DeadLetters, Form, Frame, Pace, SendSettings};
use crate::transport::{Http, Transport};
use crate::variables::Variables;

type ParentOf = Box<dyn Fn(&str) -> Option<TraceContext> + Send + Sync>;

/// Sets up an [`Otlp`]. What is said here goes before the environment.
#[derive(Default)]
pub struct OtlpBuilder {
    code: InCode,
    service_name: Option<String>,
    resource: Vec<(String, String)>,
    mapping: MapSettings,
    content: Option<Content>,
    settings: SendSettings,
    letters: Option<PathBuf>,
    variables: Option<Variables>,
    parent_of: Option<ParentOf>,
}

impl OtlpBuilder {
    /// Sets where to send to, `http://localhost:4318` where nothing is said; `/v1/traces` is added to
    /// its path.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.code.endpoint = Some(url.into());
        self
    }

    /// Sets where to send to, the whole path.
    pub fn traces_endpoint(mut self, url: impl Into<String>) -> Self {
        self.code.traces_endpoint = Some(url.into());
        self
    }

    /// Sets how to send.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.code.protocol = Some(protocol);
        self
    }

    /// Adds a header to each request. Its value is never shown.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.code.headers.set(name.into(), value.into());
        self
    }

    /// Sets how requests are compressed; gzip where nothing is said, and nothing on this machine.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.code.compression = Some(compression);
        self
    }

    /// Sets how long an attempt may take.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.code.timeout = Some(timeout);
        self
    }

    /// Sets the file of certificates, in PEM, that the server's is checked against; those of the system
    /// where nothing is said.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.code.tls.roots = Some(path.into());
        self
    }

    /// Sets the files of the client's own certificate and its key, in PEM.
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.code.tls.certificate = Some(certificate.into());
        self.code.tls.key = Some(key.into());
        self
    }

    /// Sets the name of the service.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Adds an attribute of the resource.
    pub fn resource(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.resource.push((key.into(), value.into()));
        self
    }

    /// Sets what the mapping goes by; its content is what [`content`](Self::content) says.
    pub fn mapping(mut self, mapping: MapSettings) -> Self {
        self.mapping = mapping;
        self
    }

    /// Sets which content is sent; none where nothing is said.
    ///
    /// What `OPENINFERENCE_HIDE_INPUTS` and `OPENINFERENCE_HIDE_OUTPUTS` forbid is never sent.
    pub fn content(mut self, content: Content) -> Self {
        self.content = Some(content);
        self
    }

    /// Sets which runs are part of a trace that began elsewhere; see [`Mapper::parents`].
    pub fn parents(
        mut self,
        parent_of: impl Fn(&str) -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.parent_of = Some(Box::new(parent_of));
        self
    }

    /// Sets the numbers of sending.
    pub fn settings(mut self, settings: SendSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Names a file for spans that are given up.
    pub fn dead_letters(mut self, path: impl Into<PathBuf>) -> Self {
        self.letters = Some(path.into());
        self
    }

    /// Takes these variables in the place of the environment's.
    pub fn variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables = Some(Variables::of(variables));
        self
    }

    /// Makes the exporter, or says everything that is wrong. It connects when it sends.
    pub fn build(self) -> Result<Otlp, ConfigError> {
        let vars = self.variables.unwrap_or_else(Variables::of_process);
        let mut mapping = self.mapping;
        mapping.content = vars.content(self.content);
        let namespace = mapping.namespace.clone();
        let report = OtlpReport::default();
        if is_off(&vars)? {
            return Ok(Otlp {
                namespace,
                turns: None,
                endpoint: None,
                report,
            });
        }
        let config = Config::resolve(self.code, &vars)?;
        let around = vars.around(self.service_name, self.resource);
        let around = around.map_err(ConfigError::one)?;
        let form = match config.protocol {
            Protocol::HttpJson => Form::Json,
            Protocol::HttpProtobuf | Protocol::Grpc => Form::Protobuf,
        };
        let frame = Frame::new(form, &around);
        let mut settings = self.settings;
        settings.attempt_timeout = config.timeout.unwrap_or(settings.attempt_timeout);
        let pace = Pace::new(settings.spans_per_second);
        let mut mapper = Mapper::new(mapping);
        if let Some(parent_of) = self.parent_of {
            mapper = mapper.parents(parent_of);
        }
        let limits = CollectLimits {
            bytes: settings.batch_bytes.saturating_sub(frame.overhead()).max(1),
            spans: settings.batch_spans.min(pace.burst()).max(1),
            held: settings.held_bytes,
            hold: Some(settings.hold),
        };
        let endpoint = config.endpoint.to_string();
        let hurry = Arc::<Hurry>::default();
        let sender = Sender {
            collector: Collector::new(mapper, limits, form),
            around,
            form,
            frame,
            transport: transport(&config)?,
            settings,
            pace,
            letters: self.letters.map(DeadLetters::new),
            report: report.clone(),
            endpoint: endpoint.clone(),
            secrets: Secrets::of(&config.headers, &config.endpoint),
            hurry: Arc::clone(&hurry),
            random: 0,
            relayed: 0,
            untold: None,
        };
        Ok(Otlp {
            namespace,
            turns: Some(Turns::new(sender, hurry)),
            endpoint: Some(endpoint),
            report,
        })
    }
}

fn transport(config: &Config) -> Result<Box<dyn Transport>, ConfigError> {
    match config.protocol {
        Protocol::HttpProtobuf | Protocol::HttpJson => Ok(Box::new(Http::new(config)?)),
        #[cfg(feature = "grpc")]
        Protocol::Grpc => Ok(Box::new(crate::transport::Grpc::new(config)?)),
        #[cfg(not(feature = "grpc"))]
        Protocol::Grpc => Err(ConfigError::one("this build has no gRPC")),
    }
}

/// Whether the environment switches exporting off.
fn is_off(vars: &Variables) -> Result<bool, ConfigError> {
    if vars.is_true("OTEL_SDK_DISABLED") {
        return Ok(true);
    }
    let Some(named) = vars.get("OTEL_TRACES_EXPORTER") else {
        return Ok(false);
    };
    let mut named = named.split(',').map(str::trim);
    if named.clone().any(|name| name == "otlp") {
        return Ok(false);
    }
    if named.all(|name| name == "none") {
        return Ok(true);
    }
    Err(ConfigError::one(
        "OTEL_TRACES_EXPORTER names neither `otlp` nor `none`",
    ))
}

impl std::fmt::Debug for OtlpBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An endpoint may hold a secret in its query.
        f.debug_struct("OtlpBuilder")
            .field("mapping", &self.mapping)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
