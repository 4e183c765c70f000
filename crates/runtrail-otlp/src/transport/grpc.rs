//! Protobuf over gRPC.

mod codec;
mod status;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tonic::client::Grpc as Client;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::Transport;
use crate::config::{Compression, Config, ConfigError, Tls};
use crate::send::{Answer, Parts};

const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A client on a thread of its own, with a runtime of its own: it makes no difference whether the
/// program that exports has one, and of which kind.
pub(crate) struct Grpc {
    requests: Option<Sender<Job>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    request: Vec<u8>,
    timeout: Duration,
}

impl Grpc {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let endpoint = endpoint(config).map_err(ConfigError::one)?;
        let metadata = metadata(config).map_err(ConfigError::one)?;
        let compressed = config.compression != Compression::None;
        let shown = config.endpoint.to_string();
        let (requests, jobs) = channel::<Job>();
        let (reply, answers) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ConfigError::one(format!("cannot start a runtime: {error}")))?;
        let serve = move || {
            runtime.block_on(async {
                let mut client = client(&endpoint, compressed);
                while let Ok(job) = jobs.recv() {
                    let answer = call(&mut client, job, &metadata, &shown).await;
                    if reply.send(answer).is_err() {
                        break;
                    }
                }
            });
        };
        let thread = Builder::new()
            .name("runtrail-otlp-grpc".to_owned())
            .spawn(serve);
        let thread =
            thread.map_err(|error| ConfigError::one(format!("cannot start a thread: {error}")))?;
        Ok(Self {
            requests: Some(requests),
            answers,
            thread: Some(thread),
        })
    }
}

impl Transport for Grpc {
    fn send(&mut self, request: &Parts<'_>, timeout: Duration) -> Answer {
        // It goes to another thread, and stays there where the call outlasts its time.
        let mut whole = Vec::new();
        request.append_to(&mut whole);
        let job = Job {
            request: whole,
            timeout,
        };
        let sent = self
            .requests
            .as_ref()
            .is_some_and(|requests| requests.send(job).is_ok());
        let answer = sent.then(|| self.answers.recv().ok()).flatten();
        answer.unwrap_or_else(|| Answer::Refused("the client stopped".to_owned()))
    }
}

impl Drop for Grpc {
    fn drop(&mut self) {
        // Its loop ends where nothing can be asked of it any more.
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn client(endpoint: &Endpoint, compressed: bool) -> Client<Channel> {
    let client = Client::new(endpoint.connect_lazy());
    if compressed {
        client.send_compressed(CompressionEncoding::Gzip)
    } else {
        client
    }
}

async fn call(
    client: &mut Client<Channel>,
    job: Job,
    metadata: &MetadataMap,
    endpoint: &str,
) -> Answer {
    let exchange = async {
        let ready = client.ready().await;
        ready.map_err(|error| status::of_connection(&error, endpoint))?;
        let mut request = tonic::Request::new(job.request);
        *request.metadata_mut() = metadata.clone();
        let path = http::uri::PathAndQuery::from_static(METHOD);
        match client.unary(request, path, codec::Raw).await {
            Ok(reply) => Ok(crate::send::taken(reply.get_ref())),
            Err(error) => Ok(status::of(&error, endpoint)),
        }
    };
    match tokio::time::timeout(job.timeout, exchange).await {
        Ok(Ok(answer) | Err(answer)) => answer,
        Err(_) => Answer::Busy {
            after: None,
            reason: format!("{endpoint}: no answer in time"),
        },
    }
}

fn endpoint(config: &Config) -> Result<Endpoint, String> {
    let endpoint = Endpoint::from(config.endpoint.uri().clone())
        .user_agent(concat!("runtrail-otlp/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| error.to_string())?;
    if !config.endpoint.is_https() {
        return Ok(endpoint);
    }
    let tls = tls(&config.tls);
    endpoint
        .tls_config(tls)
        .map_err(|_| "the certificates cannot be used".to_owned())
}

fn tls(tls: &Tls) -> ClientTlsConfig {
    let mut config = ClientTlsConfig::new();
    config = match &tls.roots {
        Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
        None => config.with_native_roots(),
    };
    match &tls.client {
        Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
        None => config,
    }
}

fn metadata(config: &Config) -> Result<MetadataMap, String> {
    let mut metadata = MetadataMap::new();
    for (name, value) in config.headers.iter() {
        let key = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes());
        let key = key.map_err(|_| format!("the header {name} cannot be sent over gRPC"))?;
        let value: MetadataValue<_> = value
            .parse()
            .map_err(|_| format!("the value of the header {name} cannot be sent over gRPC"))?;
        metadata.insert(key, value);
    }
    Ok(metadata)
}
