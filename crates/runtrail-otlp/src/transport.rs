//! The thin shell around sockets.

#[cfg(feature = "grpc")]
mod grpc;
mod http;

#[cfg(feature = "grpc")]
pub(crate) use grpc::Grpc;
pub(crate) use http::Http;

use std::time::Duration;

use crate::send::{Answer, Parts};

/// Sends a request and reads the answer; whatever goes wrong is an answer too.
pub(crate) trait Transport: Send {
    /// Sends an encoded `ExportTraceServiceRequest` of the protocol's form; takes at most as long as it is given.
    fn send(&mut self, request: &Parts<'_>, timeout: Duration) -> Answer;
}
