//! What came and what was taken.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};

/// A request that was decoded.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Its number, from 0.
    pub number: usize,
    /// Its headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The path it was sent to.
    pub path: String,
    /// The bytes of its body as they came.
    pub bytes: usize,
    /// The spans in it, in order.
    pub spans: Vec<Span>,
    /// Everything in it.
    pub resource_spans: Vec<ResourceSpans>,
}

impl Request {
    pub(super) fn new(message: ExportTraceServiceRequest, bytes: usize) -> Self {
        let resource_spans = message.resource_spans;
        let scopes = resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans);
        Self {
            bytes,
            spans: scopes.flat_map(|scope| scope.spans.clone()).collect(),
            resource_spans,
            ..Self::default()
        }
    }

    /// The path and the headers in one line, as some servers say what they do not like.
    pub(super) fn quoted(&self) -> String {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| format!("{name}: {value}"));
        format!("{} {}", self.path, headers.collect::<Vec<_>>().join(", "))
    }
}

/// What came and what was taken.
#[derive(Debug, Default)]
pub struct Store {
    /// The requests, their spans left out.
    pub requests: Vec<Request>,
    /// Requests that were refused before they were decoded, because of their size.
    pub too_large: usize,
    /// Spans that were taken, each time counted.
    pub taken: usize,
    /// The spans that were taken, by their ids; the last of equal ids stays.
    pub spans: BTreeMap<(Vec<u8>, Vec<u8>), Span>,
}

impl Store {
    pub(super) fn add(&mut self, request: &Request, taken: usize) {
        self.requests.push(Request {
            spans: Vec::new(),
            resource_spans: Vec::new(),
            ..request.clone()
        });
        self.taken += taken;
        for span in &request.spans[..taken] {
            let ids = (span.trace_id.clone(), span.span_id.clone());
            self.spans.insert(ids, span.clone());
        }
    }
}
