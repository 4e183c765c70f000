//! Certificates.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::variables::Variables;

/// Where certificates are, in PEM.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFiles {
    /// Those that a server's certificate is checked against.
    pub(crate) roots: Option<PathBuf>,
    /// The client's own.
    pub(crate) certificate: Option<PathBuf>,
    /// The key of the client's own.
    pub(crate) key: Option<PathBuf>,
}

/// Certificates that were read, in PEM.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    /// `None` for those of the system.
    pub(crate) roots: Option<Vec<u8>>,
    /// The client's own certificate, and its key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    pub(crate) fn resolve(code: TlsFiles, vars: &Variables) -> Result<Self, String> {
        let path = |code: Option<PathBuf>, what: &str| {
            code.or_else(|| super::signal_or_general(vars, what).map(|(_, path)| path.into()))
        };
        let roots = path(code.roots, "CERTIFICATE")
            .as_deref()
            .map(read)
            .transpose()?;
        let certificate = path(code.certificate, "CLIENT_CERTIFICATE")
            .as_deref()
            .map(read)
            .transpose()?;
        let key = path(code.key, "CLIENT_KEY")
            .as_deref()
            .map(read)
            .transpose()?;
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err("a client certificate was given without its key".to_owned());
            }
            (None, Some(_)) => {
                return Err("a client key was given without its certificate".to_owned());
            }
        };
        Ok(Self { roots, client })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let text =
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if text.windows(11).any(|part| part == b"-----BEGIN ") {
        Ok(text)
    } else {
        Err(format!("{} is not PEM", path.display()))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("roots", &self.roots.is_some())
            .field("client", &self.client.is_some())
            .finish()
    }
}
