//! The two forms that OTLP has: how spans are written, and what stands around them in a request.

use std::borrow::Cow;

use runtrail_otlp_wire::json;
#[cfg(feature = "http")]
use runtrail_otlp_wire::protobuf::Envelope;

use crate::around::Around;

/// How spans are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Each as a field of a message.
    #[cfg(feature = "http")]
    Protobuf,
    /// Each as an object with a comma after it.
    Json,
}

/// What stands around the spans of each request.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    #[cfg(feature = "http")]
    Protobuf(Envelope),
    Json {
        head: String,
        tail: String,
    },
}

impl Frame {
    /// Prepares the requests of a resource and a scope.
    pub(crate) fn new(form: Form, around: &Around) -> Self {
        match form {
            #[cfg(feature = "http")]
            Form::Protobuf => Self::Protobuf(around.envelope()),
            Form::Json => {
                const SPANS: &str = "\"spans\":[";
                let mut head = json::request(&around.request(Vec::new()));
                // No text of the resource looks like this: its quotes are escaped.
                let at = head.rfind(SPANS).map_or(head.len(), |at| at + SPANS.len());
                let tail = head.split_off(at);
                Self::Json { head, tail }
            }
        }
    }

    /// Returns a bound on the bytes that a request has beyond its spans.
    #[cfg(feature = "http")]
    pub(crate) fn overhead(&self) -> usize {
        match self {
            Self::Protobuf(envelope) => envelope.overhead(),
            Self::Json { head, tail } => head.len() + tail.len(),
        }
    }

    /// Puts a request together of spans as a piece holds them.
    pub(crate) fn request<'a>(&'a self, spans: &'a [u8]) -> Parts<'a> {
        match self {
            #[cfg(feature = "http")]
            Self::Protobuf(envelope) => {
                let (head, tail) = envelope.around(spans.len());
                Parts([head.into(), spans.into(), tail.into()])
            }
            Self::Json { head, tail } => {
                let spans = spans.strip_suffix(b",").unwrap_or(spans);
                Parts([head.as_bytes().into(), spans.into(), tail.as_bytes().into()])
            }
        }
    }
}

/// A request in parts that follow each other: before the spans, the spans, after them. Megabytes are
/// not copied to stand beside a few bytes.
#[derive(Debug, Clone)]
pub(crate) struct Parts<'a>([Cow<'a, [u8]>; 3]);

impl Parts<'_> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|part| &**part)
    }

    #[cfg(feature = "http")]
    pub(crate) fn len(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }

    #[cfg(feature = "http")]
    pub(crate) fn reader(&self) -> impl std::io::Read {
        use std::io::Read;
        let [head, spans, tail] = &self.0;
        head.chain(&**spans).chain(&**tail)
    }

    #[cfg(feature = "grpc")]
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.len());
        for part in self.iter() {
            out.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::Piece;
    use runtrail_otlp_wire::model::Span;

    #[test]
    fn a_request_of_either_form_is_read_back() {
        let hostile = r#"" "spans":[ ]}"#.to_owned();
        let around = Around::new(hostile.clone(), vec![("k".into(), hostile)]);
        let span = |name: &'static str| Span {
            span_id: [1; 8],
            name: name.into(),
            ..Span::default()
        };
        let mut json = Piece::new(Form::Json);
        json.push(&span("a"));
        json.push(&span("b"));
        let frame = Frame::new(Form::Json, &around);
        for range in [0..0, 0..1, 0..2, 1..2] {
            let wanted = around.request(vec![span("a"), span("b")][range.clone()].to_vec());
            let parts: Vec<u8> = frame.request(json.slice(range)).0.concat();
            let text = String::from_utf8(parts).unwrap();
            assert_eq!(json::read_request(&text).unwrap(), wanted);
        }
        #[cfg(feature = "http")]
        {
            let mut protobuf = Piece::new(Form::Protobuf);
            protobuf.push(&span("a"));
            let mut whole = Vec::new();
            let frame = Frame::new(Form::Protobuf, &around);
            let request = frame.request(protobuf.slice(0..1));
            std::io::Read::read_to_end(&mut request.reader(), &mut whole).unwrap();
            assert_eq!(whole.len(), request.len());
            let read = runtrail_otlp_wire::protobuf::read_request(&whole).unwrap();
            assert_eq!(read, around.request(vec![span("a")]));
        }
    }
}
