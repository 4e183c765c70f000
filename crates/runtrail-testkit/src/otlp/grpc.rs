//! The receiver over gRPC.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding;
use tonic::codegen::{Service, http};
use tonic::transport::ServerTlsConfig;
use tonic::{Code, Response, Status};

use super::{Desk, Reply, Request};

/// The most bytes of a message, which is the default of gRPC servers.
pub const GRPC_LIMIT: usize = 4 << 20;

pub(super) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Export {
    desk: Arc<Desk>,
    number: AtomicUsize,
}

impl Server {
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its receiver"
    )]
    pub(super) fn start(desk: Arc<Desk>, tls: Option<ServerTlsConfig>) -> (Self, SocketAddr) {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let incoming = tonic::transport::server::TcpIncoming::bind(
                    "127.0.0.1:0".parse().expect("an address"),
                );
                let incoming = incoming.expect("a free port");
                tell.send(incoming.local_addr().expect("an address"))
                    .expect("the test waits");
                let export = Export {
                    desk: Arc::clone(&desk),
                    number: AtomicUsize::new(0),
                };
                let service = TraceServiceServer::new(export)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .max_decoding_message_size(GRPC_LIMIT);
                let mut builder = tonic::transport::Server::builder();
                if let Some(tls) = tls {
                    builder = builder.tls_config(tls).expect("a certificate and its key");
                }
                let serve = builder
                    .add_service(Counted { service, desk })
                    .serve_with_incoming(incoming);
                tokio::select! {
                    served = serve => served.expect("serving"),
                    _ = stopped => {}
                }
            });
        });
        let address = told.recv().expect("the server starts");
        let server = Self {
            stop: Some(stop),
            thread: Some(thread),
        };
        (server, address)
    }

    pub(super) fn stop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[tonic::async_trait]
impl TraceService for Export {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        let message = request.into_inner();
        let bytes = message.encoded_len();
        let request = Request {
            number: self.number.fetch_add(1, Ordering::SeqCst),
            headers: headers
                .iter()
                .filter_map(|(name, value)| {
                    Some((name.to_string(), value.to_str().ok()?.to_owned()))
                })
                .collect(),
            ..Request::new(message, bytes)
        };
        match self.desk.answer(&request) {
            Reply::Take => Ok(Response::new(ExportTraceServiceResponse::default())),
            Reply::Partial(rejected) => Ok(Response::new(ExportTraceServiceResponse {
                partial_success: Some(ExportTracePartialSuccess {
                    rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
                    error_message: "as the script says".to_owned(),
                }),
            })),
            Reply::Status(status) => Err(Status::new(code(status), "as the script says")),
            Reply::RetryAfter(status, after) => Err(Status::with_details(
                code(status),
                "as the script says",
                retry_info(after.parse().unwrap_or(0)).into(),
            )),
            Reply::Hang => std::future::pending().await,
            Reply::Quote => Err(Status::invalid_argument(request.quoted())),
            // There is no cutting one call of a connection: the client is told that it broke.
            Reply::TakeAndCut | Reply::Cut => Err(Status::unavailable("the connection broke")),
        }
    }
}

fn code(status: u16) -> Code {
    match status {
        429 => Code::ResourceExhausted,
        503 => Code::Unavailable,
        400 => Code::InvalidArgument,
        _ => Code::Unknown,
    }
}

/// A `google.rpc.Status` with a `RetryInfo` of so many seconds, fewer than 128.
fn retry_info(seconds: u8) -> Vec<u8> {
    let info = [0x0a, 2, 0x08, seconds];
    let url = b"type.googleapis.com/google.rpc.RetryInfo";
    let any = [
        &[0x0a, url.len() as u8][..],
        url,
        &[0x12, info.len() as u8],
        &info,
    ]
    .concat();
    [&[0x1a, any.len() as u8][..], &any].concat()
}

/// Counts the calls that end before they reach the service, because their message is too large.
#[derive(Clone)]
struct Counted<S> {
    service: S,
    desk: Arc<Desk>,
}

impl<S: tonic::server::NamedService> tonic::server::NamedService for Counted<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B, R> Service<http::Request<B>> for Counted<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let desk = Arc::clone(&self.desk);
        let call = self.service.call(request);
        Box::pin(async move {
            let response = call.await?;
            let status = response.headers().get("grpc-status");
            // 11 is `OutOfRange`, which no script answers with.
            if status.is_some_and(|status| status == "11") {
                desk.refused();
            }
            Ok(response)
        })
    }
}
