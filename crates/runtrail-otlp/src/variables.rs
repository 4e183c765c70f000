//! Environment variables, as they were when an exporter was made.

use std::collections::BTreeMap;

use crate::around::Around;
use crate::collected::UNNAMED_SERVICE;

/// Keys and values, in order.
pub(crate) type Pairs = Vec<(String, String)>;

/// The variables that are read; an empty one is as good as unset.
#[derive(Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Takes OpenTelemetry's and OpenInference's from the environment.
    pub(crate) fn of_process() -> Self {
        let vars = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let read = name.starts_with("OTEL_") || name.starts_with("OPENINFERENCE_");
            Some((name, value.into_string().ok()?)).filter(|_| read)
        });
        Self(vars.collect())
    }

    pub(crate) fn of(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(vars.into_iter().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// What stands around spans: the service as the caller names it, or else the environment, and what
    /// both say of the resource, the caller's word after the other.
    pub(crate) fn around(&self, service: Option<String>, own: Pairs) -> Result<Around, String> {
        let (named, listed) = self.resource()?;
        let service = service.or(named);
        let service = service.unwrap_or_else(|| UNNAMED_SERVICE.to_owned());
        Ok(Around::new(
            service,
            listed.into_iter().chain(own).collect(),
        ))
    }

    /// What the resource is called and what else is known of it.
    fn resource(&self) -> Result<(Option<String>, Pairs), String> {
        let listed = self.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let pairs = pairs(listed).map_err(|error| format!("OTEL_RESOURCE_ATTRIBUTES: {error}"))?;
        let named = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, v)| v.clone())
        };
        let service = self.get("OTEL_SERVICE_NAME").map(str::to_owned);
        let service = service.or_else(|| named(crate::names::otel::SERVICE_NAME));
        Ok((service, pairs))
    }

    /// Which content may be sent, as far as the environment asks for some or forbids it.
    pub(crate) fn content(
        &self,
        asked_in_code: Option<crate::map::Content>,
    ) -> crate::map::Content {
        let capture = self.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT");
        let captured = capture.is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            matches!(&*value, "true" | "1" | "span_only" | "span_and_event")
        });
        let asked = asked_in_code.unwrap_or(if captured {
            crate::map::Content::ALL
        } else {
            crate::map::Content::NONE
        });
        // Who hides content means it, whatever a program asks for.
        crate::map::Content {
            inputs: asked.inputs && !self.is_true("OPENINFERENCE_HIDE_INPUTS"),
            outputs: asked.outputs && !self.is_true("OPENINFERENCE_HIDE_OUTPUTS"),
        }
    }
}

impl std::fmt::Debug for Variables {
    /// Shows names alone: values hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads `key=value,key=value`, percent-encoded. Errors name the place, never what stands there.
pub(crate) fn pairs(text: &str) -> Result<Pairs, String> {
    let parts = text.split(',').map(str::trim).enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(at, part)| {
            let (key, value) = part
                .split_once('=')
                .ok_or(format!("pair {} has no `=`", at + 1))?;
            let (key, value) = (decoded(key.trim()), decoded(value.trim()));
            match (key, value) {
                (Some(key), Some(value)) if !key.is_empty() => Ok((key, value)),
                (Some(key), Some(_)) if key.is_empty() => {
                    Err(format!("pair {} has no key", at + 1))
                }
                _ => Err(format!("pair {} is not percent-encoded text", at + 1)),
            }
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_percent_decoded_and_errors_keep_secrets() {
        let read = pairs("a=1, b = x%20y ,,c=%3D%C3%A9=").unwrap();
        let wanted = [("a", "1"), ("b", "x y"), ("c", "=é=")];
        assert_eq!(read, wanted.map(|(k, v)| (k.to_owned(), v.to_owned())));
        for bad in [
            "a=1,secret",
            "a=1,=secret",
            "a=1,k=secret%zz",
            "a=1,k=secret%f",
        ] {
            let error = pairs(bad).unwrap_err();
            assert!(
                error.starts_with("pair 2 ") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
