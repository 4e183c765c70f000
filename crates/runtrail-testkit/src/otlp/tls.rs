//! Who the receiver says that it is.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// The certificate and the key of a receiver, and whose certificates it asks its clients for; all in PEM.
#[derive(Debug, Clone, Default)]
pub struct ServerTls {
    /// The receiver's certificate, for `localhost`.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// Who vouches for clients; none is asked for where this is `None`.
    pub client_roots: Option<String>,
}

impl ServerTls {
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its receiver"
    )]
    pub(super) fn for_http(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("protocol versions");
        let builder = match &self.client_roots {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(pem) {
                    roots.add(root).expect("a root certificate");
                }
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().expect("roots"))
            }
        };
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let config = builder.with_single_cert(certificates(&self.certificate), key);
        Arc::new(config.expect("a certificate and its key"))
    }

    pub(super) fn for_grpc(&self) -> tonic::transport::ServerTlsConfig {
        use tonic::transport::{Certificate, Identity, ServerTlsConfig};
        let config =
            ServerTlsConfig::new().identity(Identity::from_pem(&self.certificate, &self.key));
        match &self.client_roots {
            None => config,
            Some(pem) => config.client_ca_root(Certificate::from_pem(pem)),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "a test cannot go on without its receiver"
)]
fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    let all = CertificateDer::pem_slice_iter(pem.as_bytes());
    all.map(|one| one.expect("a certificate")).collect()
}
