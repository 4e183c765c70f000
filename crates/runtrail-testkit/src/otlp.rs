//! A receiver of OTLP with scripted answers, over HTTP and gRPC.
//!
//! It decodes what it gets with `opentelemetry-proto`, so that it does not believe what it judges.

mod grpc;
mod http;
mod store;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub use grpc::GRPC_LIMIT;
pub use store::{Request, Store};
pub use tls::ServerTls;

/// What the receiver answers to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It takes all spans.
    Take,
    /// It takes all but so many, and says so.
    Partial(u64),
    /// It takes none, and answers with a status; over gRPC `429` is `ResourceExhausted`, `503`
    /// `Unavailable`, `400` `InvalidArgument`, and others `Unknown`.
    Status(u16),
    /// As `Status`, with a `Retry-After`; over gRPC with a `RetryInfo` of as many seconds.
    RetryAfter(u16, String),
    /// It says nothing until it is dropped.
    Hang,
    /// It takes all spans, and the connection breaks before the answer.
    TakeAndCut,
    /// The connection breaks, and nothing is taken.
    Cut,
    /// It takes none, answers `400`, and quotes the path and the headers that it was sent.
    Quote,
}

type Script = Box<dyn FnMut(&Request) -> Reply + Send>;

/// A receiver on a port of this machine; it stops when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    store: Arc<Mutex<Store>>,
    server: Server,
}

enum Server {
    Http(http::Server),
    Grpc(grpc::Server),
}

/// What a server answers by, and where it keeps what it takes.
struct Desk {
    store: Arc<Mutex<Store>>,
    script: Mutex<Script>,
}

impl Receiver {
    /// Starts a receiver of protobuf and of JSON over HTTP, plain or under gzip or Zstandard.
    ///
    /// The script is asked about every request that can be decoded, in the order in which they come.
    ///
    /// # Panics
    ///
    /// Where no port can be had.
    pub fn http(script: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let (desk, store) = Desk::new(script);
        let (server, address) = http::Server::start(desk, None);
        Self {
            address,
            scheme: "http",
            store,
            server: Server::Http(server),
        }
    }

    /// As [`http`](Self::http), under TLS.
    ///
    /// # Panics
    ///
    /// Where no port can be had.
    pub fn https(tls: &ServerTls, script: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let (desk, store) = Desk::new(script);
        let (server, address) = http::Server::start(desk, Some(tls.for_http()));
        Self {
            address,
            scheme: "https",
            store,
            server: Server::Http(server),
        }
    }

    /// Starts a receiver over gRPC that refuses messages of more than [`GRPC_LIMIT`] bytes.
    ///
    /// # Panics
    ///
    /// Where no port can be had.
    pub fn grpc(script: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let (desk, store) = Desk::new(script);
        let (server, address) = grpc::Server::start(desk, None);
        Self {
            address,
            scheme: "http",
            store,
            server: Server::Grpc(server),
        }
    }

    /// As [`grpc`](Self::grpc), under TLS.
    ///
    /// # Panics
    ///
    /// Where no port can be had.
    pub fn grpc_tls(
        tls: &ServerTls,
        script: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> Self {
        let (desk, store) = Desk::new(script);
        let (server, address) = grpc::Server::start(desk, Some(tls.for_grpc()));
        Self {
            address,
            scheme: "https",
            store,
            server: Server::Grpc(server),
        }
    }

    /// Returns the endpoint: scheme, host and port.
    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// Looks at what came and what was taken.
    pub fn look<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        match &mut self.server {
            Server::Http(server) => server.stop(self.address),
            Server::Grpc(server) => server.stop(),
        }
    }
}

impl Desk {
    fn new(
        script: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> (Arc<Self>, Arc<Mutex<Store>>) {
        let store = Arc::<Mutex<Store>>::default();
        let desk = Self {
            store: Arc::clone(&store),
            script: Mutex::new(Box::new(script)),
        };
        (Arc::new(desk), store)
    }

    /// Asks the script, and takes what it says.
    fn answer(&self, request: &Request) -> Reply {
        let reply = (self.script.lock().unwrap_or_else(PoisonError::into_inner))(request);
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = request.spans.len();
        let taken = match reply {
            Reply::Take | Reply::TakeAndCut => sent,
            Reply::Partial(rejected) => sent - usize::try_from(rejected).unwrap_or(sent).min(sent),
            _ => 0,
        };
        store.add(request, taken);
        reply
    }

    fn refused(&self) {
        self.store
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .too_large += 1;
    }
}
