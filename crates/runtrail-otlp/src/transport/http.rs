//! Protobuf and JSON over HTTP.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flate2::write::GzEncoder;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, SendBody};

use super::Transport;
use crate::config::{Compression, Config, ConfigError, Endpoint, Headers, Protocol, Tls};
use crate::send::{Answer, HttpReply, Parts, of_http};

/// A blocking client: it needs no runtime, of its own or of the host.
pub(crate) struct Http {
    agent: Agent,
    endpoint: Endpoint,
    headers: Headers,
    compression: Compression,
    content_type: &'static str,
    buffer: Vec<u8>,
}

/// The most of an answer's body that is read.
const MAX_ANSWER: u64 = 64 << 10;

impl Http {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let mut agent = Agent::config_builder()
            .http_status_as_error(false)
            // Following a redirect could hand headers to a stranger.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("runtrail-otlp/", env!("CARGO_PKG_VERSION")));
        if config.endpoint.is_https() {
            agent = agent.tls_config(tls(&config.tls).map_err(ConfigError::one)?);
        }
        Ok(Self {
            agent: agent.build().into(),
            endpoint: config.endpoint.clone(),
            headers: config.headers.clone(),
            compression: config.compression,
            content_type: match config.protocol {
                Protocol::HttpJson => "application/json",
                Protocol::HttpProtobuf | Protocol::Grpc => "application/x-protobuf",
            },
            buffer: Vec::new(),
        })
    }

    /// Puts the body into the buffer, whose room is used again and again; a body that is not compressed is
    /// sent from where it is.
    fn compress(&mut self, request: &Parts<'_>) -> std::io::Result<Option<&'static str>> {
        self.buffer.clear();
        match self.compression {
            Compression::None => Ok(None),
            Compression::Gzip => {
                let level = flate2::Compression::fast();
                let mut gzip = GzEncoder::new(std::mem::take(&mut self.buffer), level);
                request.iter().try_for_each(|part| gzip.write_all(part))?;
                self.buffer = gzip.finish()?;
                Ok(Some("gzip"))
            }
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let out = std::mem::take(&mut self.buffer);
                let mut zstd = zstd::stream::write::Encoder::new(out, 1)?;
                request.iter().try_for_each(|part| zstd.write_all(part))?;
                self.buffer = zstd.finish()?;
                Ok(Some("zstd"))
            }
            #[cfg(not(feature = "zstd"))]
            Compression::Zstd => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }

    fn read(&mut self, response: ureq::http::Response<ureq::Body>) -> Answer {
        let (parts, mut body) = response.into_parts();
        let header = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let (retry_after, date) = (header("retry-after"), header("date"));
        let is_json = header("content-type").is_some_and(|kind| kind.contains("json"));
        let status = parts.status.as_u16();
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec();
        if status == 415 && self.compression == Compression::Zstd {
            self.compression = Compression::Gzip;
            return Answer::OtherEncoding("HTTP 415 to Zstandard".to_owned());
        }
        let body = match body {
            Ok(body) => body,
            // The spans may have been taken; sending them again changes nothing.
            Err(error) if (200..300).contains(&status) && !too_long(&error) => {
                return self.failed(&error);
            }
            Err(_) => Vec::new(),
        };
        let reply = HttpReply {
            status,
            retry_after,
            date,
            is_json,
            body: &body,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "a date in an answer is told by the clock"
        )]
        let now = SystemTime::now();
        of_http(reply, now)
    }

    fn failed(&self, error: &ureq::Error) -> Answer {
        let reason = format!("{}: {}", self.endpoint, told(error));
        if is_final(error) {
            Answer::Refused(reason)
        } else {
            Answer::Busy {
                after: None,
                reason,
            }
        }
    }
}

impl Transport for Http {
    fn send(&mut self, body: &Parts<'_>, timeout: Duration) -> Answer {
        let encoding = match self.compress(body) {
            Ok(encoding) => encoding,
            Err(error) => return Answer::Refused(format!("cannot compress: {error}")),
        };
        let mut request = self
            .agent
            .post(self.endpoint.uri())
            .header("content-type", self.content_type);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        for (name, value) in self.headers.iter() {
            request = request.header(name, value);
        }
        let request = request.config().timeout_global(Some(timeout)).build();
        let sent = match encoding {
            Some(_) => request.send(&self.buffer[..]),
            None => {
                let request = request.header("content-length", body.len());
                request.send(SendBody::from_reader(&mut body.reader()))
            }
        };
        match sent {
            Ok(response) => self.read(response),
            Err(error) => self.failed(&error),
        }
    }
}

fn too_long(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::BodyExceedsLimit(_))
}

/// Says what went wrong without what was sent.
fn told(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        ureq::Error::ConnectionFailed => "cannot connect".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Rustls(error) => error.to_string(),
        ureq::Error::Tls(what) => (*what).to_owned(),
        ureq::Error::BodyStalled => "the answer stalled".to_owned(),
        // Others may quote what was sent.
        _ => "the request could not be made".to_owned(),
    }
}

/// Whether trying again could not help: a certificate stays as it is.
fn is_final(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_))),
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) | ureq::Error::BadUri(_) => true,
        _ => false,
    }
}

fn tls(tls: &Tls) -> Result<TlsConfig, String> {
    let roots = match &tls.roots {
        Some(pem) => certificates(pem).ok_or("the certificate file holds no certificate")?,
        None => system_roots()?,
    };
    let client = match &tls.client {
        Some((certificate, key)) => {
            let chain = certificates(certificate);
            let chain = chain.ok_or("the client certificate's file holds none")?;
            let key = PrivateKey::from_pem(key).map_err(|_| "the client key is not a PEM key")?;
            Some(ClientCert::new_with_certs(&chain, key))
        }
        None => None,
    };
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .client_cert(client)
        .build())
}

/// The certificates of a PEM file; `None` where there are none, or one is broken.
fn certificates(pem: &[u8]) -> Option<Vec<Certificate<'static>>> {
    let items = ureq::tls::parse_pem(pem).filter_map(|item| match item {
        Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    let all: Vec<_> = items.collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

fn system_roots() -> Result<Vec<Certificate<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err("this system has no root certificates: name a file of them".to_owned());
    }
    Ok(found
        .certs
        .iter()
        .map(|der| Certificate::from_der(der).to_owned())
        .collect())
}
