//! The thin shell around sockets.

#[cfg(feature = "grpc")]
mod grpc;
mod http;

#[cfg(feature = "grpc")]
pub(crate) use grpc::Grpc;
pub(crate) use http::Http;

use std::time::Duration;

use crate::send::Answer;

/// Sends a request and reads the answer; whatever goes wrong is an answer too.
pub(crate) trait Transport: Send {
    /// Sends an encoded `ExportTraceServiceRequest`; takes at most as long as it is given.
    fn send(&mut self, request: Vec<u8>, timeout: Duration) -> Answer;
}
