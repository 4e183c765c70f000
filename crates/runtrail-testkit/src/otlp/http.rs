//! The receiver over HTTP/1.1.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;

use super::{Desk, Reply, Request};

type Tls = Option<Arc<rustls::ServerConfig>>;

pub(super) struct Server {
    stopping: Arc<Stopping>,
    thread: Option<JoinHandle<()>>,
}

/// Wakes what hangs when the server stops.
#[derive(Default)]
struct Stopping {
    is: AtomicBool,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Server {
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its receiver"
    )]
    pub(super) fn start(desk: Arc<Desk>, tls: Tls) -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let stopping = Arc::<Stopping>::default();
        let shared = Arc::clone(&stopping);
        let thread = std::thread::spawn(move || {
            let number = Arc::<AtomicUsize>::default();
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.is.load(Ordering::SeqCst) {
                    break;
                }
                let (desk, tls) = (Arc::clone(&desk), tls.clone());
                let (stopping, number) = (Arc::clone(&shared), Arc::clone(&number));
                std::thread::spawn(move || {
                    // A client that goes away is none of the receiver's business.
                    let _ = serve(stream, tls, &desk, &stopping, &number);
                });
            }
        });
        let server = Self {
            stopping,
            thread: Some(thread),
        };
        (server, address)
    }

    pub(super) fn stop(&mut self, address: SocketAddr) {
        self.stopping.is.store(true, Ordering::SeqCst);
        drop(
            self.stopping
                .lock
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.stopping.woken.notify_all();
        // Wakes the listener.
        drop(TcpStream::connect(address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Stopping {
    fn wait(&self) {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is.load(Ordering::SeqCst) {
            guard = self
                .woken
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn serve(
    stream: TcpStream,
    tls: Tls,
    desk: &Desk,
    stopping: &Stopping,
    number: &AtomicUsize,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        None => talk(
            BufReader::with_capacity(1 << 16, stream),
            desk,
            stopping,
            number,
        ),
        Some(config) => {
            let connection = rustls::ServerConnection::new(config).map_err(io::Error::other)?;
            let stream = rustls::StreamOwned::new(connection, stream);
            talk(BufReader::new(stream), desk, stopping, number)
        }
    }
}

/// Answers the requests of a connection until it is closed.
fn talk<S: Read + Write>(
    mut stream: BufReader<S>,
    desk: &Desk,
    stopping: &Stopping,
    number: &AtomicUsize,
) -> io::Result<()> {
    while let Some((path, headers)) = read_head(&mut stream)? {
        let length = headers
            .get("content-length")
            .and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body)?;
        let bytes = body.len();
        let encoding = headers.get("content-encoding").map(String::as_str);
        let Some(plain) = decoded(&body, encoding)? else {
            respond(stream.get_mut(), 415, &[], b"")?;
            continue;
        };
        let kind = headers.get("content-type").map(String::as_str);
        let is_json = kind == Some("application/json");
        let Some(message) = read_request(&plain, is_json) else {
            respond(stream.get_mut(), 400, &[], b"not a request")?;
            continue;
        };
        let request = Request {
            number: number.fetch_add(1, Ordering::SeqCst),
            path,
            headers,
            ..Request::new(message, bytes)
        };
        let out = stream.get_mut();
        match desk.answer(&request) {
            Reply::Take => respond_taken(out, 0, is_json)?,
            Reply::Partial(rejected) => respond_taken(out, rejected, is_json)?,
            Reply::Status(status) => respond(out, status, &[], b"as the script says")?,
            Reply::RetryAfter(status, after) => {
                respond(out, status, &[("retry-after", &after)], b"")?;
            }
            Reply::Hang => {
                stopping.wait();
                return Ok(());
            }
            Reply::TakeAndCut | Reply::Cut => return Ok(()),
            Reply::Quote => respond(out, 400, &[], request.quoted().as_bytes())?,
        }
    }
    Ok(())
}

fn read_head(stream: &mut impl BufRead) -> io::Result<Option<(String, BTreeMap<String, String>)>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Ok(Some((path, headers)));
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

/// The body as it was before it was compressed; `None` for an encoding that nobody knows.
fn decoded(body: &[u8], encoding: Option<&str>) -> io::Result<Option<Vec<u8>>> {
    let mut plain = Vec::new();
    match encoding {
        None => plain.extend_from_slice(body),
        Some("gzip") => {
            flate2::read::GzDecoder::new(body).read_to_end(&mut plain)?;
        }
        Some("zstd") => zstd::stream::copy_decode(body, &mut plain)?,
        Some(_) => return Ok(None),
    }
    Ok(Some(plain))
}

fn read_request(body: &[u8], is_json: bool) -> Option<ExportTraceServiceRequest> {
    if is_json {
        serde_json::from_slice(body).ok()
    } else {
        ExportTraceServiceRequest::decode(body).ok()
    }
}

/// Answers in the form of the request, as OTLP has it.
fn respond_taken(out: &mut impl Write, rejected: u64, is_json: bool) -> io::Result<()> {
    let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: "as the script says".to_owned(),
    });
    let answer = ExportTraceServiceResponse { partial_success };
    if is_json {
        let body = serde_json::to_vec(&answer)?;
        return respond(out, 200, &[("content-type", "application/json")], &body);
    }
    respond(out, 200, &[], &answer.encode_to_vec())
}

fn respond(
    out: &mut impl Write,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    out.write_all(&[head.as_bytes(), body].concat())?;
    out.flush()
}
