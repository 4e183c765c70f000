//! What stands around spans: the resource, the scope, the schema.

use runtrail_otlp_wire::model::{Attr, Request, Resource, ResourceSpans, Scope, ScopeSpans, Span};
#[cfg(feature = "http")]
use runtrail_otlp_wire::protobuf::Envelope;

use crate::names;

/// The resource: the service's name and the user's attributes, nothing else, since some backends
/// copy the resource into every span's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Around {
    attributes: Vec<(String, String)>,
}

impl Around {
    /// Makes a resource; the service's name goes first.
    pub(crate) fn new(service_name: String, attributes: Vec<(String, String)>) -> Self {
        let mut all = vec![(names::otel::SERVICE_NAME.to_owned(), service_name)];
        for (key, value) in attributes {
            if key == names::otel::SERVICE_NAME {
                continue;
            }
            match all.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = value,
                None => all.push((key, value)),
            }
        }
        Self { attributes: all }
    }

    pub(crate) fn resource(&self) -> Resource<'_> {
        let attributes = self.attributes.iter();
        Resource {
            attributes: attributes
                .map(|(key, value)| Attr::new(key.as_str(), value.as_str()))
                .collect(),
            dropped_attributes_count: 0,
        }
    }

    /// Prepares requests of this resource and scope.
    #[cfg(feature = "http")]
    pub(crate) fn envelope(&self) -> Envelope {
        Envelope::new(&self.resource(), &scope(), names::SCHEMA_URL)
    }

    /// Puts spans into a request of this resource and scope.
    pub(crate) fn request<'a>(&'a self, spans: Vec<Span<'a>>) -> Request<'a> {
        Request {
            resource_spans: vec![ResourceSpans {
                resource: self.resource(),
                scope_spans: vec![ScopeSpans {
                    scope: scope(),
                    spans,
                    schema_url: names::SCHEMA_URL.into(),
                }],
                ..ResourceSpans::default()
            }],
        }
    }
}

fn scope() -> Scope<'static> {
    Scope {
        name: names::SCOPE.into(),
        version: crate::VERSION.into(),
        ..Scope::default()
    }
}
