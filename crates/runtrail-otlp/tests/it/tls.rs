//! Certificates, of servers and of clients, over every protocol.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use runtrail_otlp::{Counts, Otlp, OtlpBuilder, Protocol};
use runtrail_testkit::otlp::{Reply, ServerTls};

use super::support::{ended, export, protocols, quick, receiver, run_of};

/// Who vouches for others.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for a name, and its key.
    fn vouch_for(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn server(&self, client_roots: Option<String>) -> ServerTls {
        let (certificate, key) = self.vouch_for("localhost");
        ServerTls {
            certificate,
            key,
            client_roots,
        }
    }
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Sends a run of one op, set up by variables alone.
fn sent(protocol: Protocol, url: &str, files: &[(&str, &Path)]) -> (Option<String>, Counts) {
    let variables = files.iter().map(|(name, path)| {
        let name = format!("OTEL_EXPORTER_OTLP_{name}");
        (name, path.to_str().unwrap().to_owned())
    });
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), url.to_owned());
    let otlp = Otlp::builder().variables(variables.chain([endpoint]));
    deliver(otlp.protocol(protocol))
}

fn deliver(otlp: OtlpBuilder) -> (Option<String>, Counts) {
    let otlp = otlp.settings(quick()).build().unwrap();
    let (error, counts) = export(otlp, &[ended(run_of("r", 1, 1))]);
    (error.map(|error| error.to_string()), counts)
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_at_once() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let good = file(folder.path(), "good.pem", &authority.pem);
    let bad = file(folder.path(), "bad.pem", &other.pem);
    for protocol in protocols() {
        let tls = authority.server(None);
        let receiver = receiver(protocol, Some(&tls), |_| Reply::Take);
        let (error, counts) = sent(protocol, &receiver.url(), &[("CERTIFICATE", &bad)]);
        assert_eq!(
            (counts.given_up, counts.requests),
            (2, 1),
            "{protocol:?}: a certificate stays as it is: {error:?}"
        );
        let error = error.unwrap();
        assert!(error.contains("certificate"), "{protocol:?}: {error}");
        assert_eq!(receiver.look(|store| store.requests.len()), 0);

        // The signal's variable goes before the general one.
        let files = [("CERTIFICATE", &*bad), ("TRACES_CERTIFICATE", &*good)];
        let (error, counts) = sent(protocol, &receiver.url(), &files);
        assert_eq!((error, counts.accepted), (None, 2), "{protocol:?}");
    }
}

#[test]
fn a_client_shows_its_certificate_where_it_is_asked_for_one() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (certificate, key) = clients.vouch_for("a client");
    let folder = tempfile::tempdir().unwrap();
    let roots = file(folder.path(), "roots.pem", &authority.pem);
    let certificate = file(folder.path(), "client.pem", &certificate);
    let key = file(folder.path(), "client.key", &key);
    for protocol in protocols() {
        let tls = authority.server(Some(clients.pem.clone()));
        let receiver = receiver(protocol, Some(&tls), |_| Reply::Take);
        let files = [
            ("CERTIFICATE", &*roots),
            ("CLIENT_CERTIFICATE", &certificate),
            ("CLIENT_KEY", &key),
        ];
        let (error, counts) = sent(protocol, &receiver.url(), &files);
        assert_eq!((error, counts.accepted), (None, 2), "{protocol:?}");
        let in_code = Otlp::builder()
            .variables([])
            .endpoint(receiver.url())
            .protocol(protocol)
            .root_certificates(&roots)
            .client_certificate(&certificate, &key);
        let (error, counts) = deliver(in_code);
        assert_eq!((error, counts.accepted), (None, 2), "{protocol:?}");
    }
}

#[test]
fn a_client_without_the_certificate_that_is_asked_for_delivers_nothing() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let roots = file(folder.path(), "roots.pem", &authority.pem);
    for protocol in protocols() {
        let tls = authority.server(Some(clients.pem.clone()));
        let receiver = receiver(protocol, Some(&tls), |_| Reply::Take);
        let settings = runtrail_otlp::SendSettings {
            deadline: std::time::Duration::from_millis(200),
            ..quick()
        };
        let otlp = Otlp::builder()
            .variables([])
            .endpoint(receiver.url())
            .protocol(protocol)
            .settings(settings)
            .root_certificates(&roots);
        let (error, counts) = export(otlp.build().unwrap(), &[ended(run_of("r", 1, 1))]);
        assert_eq!((counts.given_up, counts.accepted), (2, 0), "{protocol:?}");
        assert!(error.is_some());
        assert_eq!(receiver.look(|store| store.requests.len()), 0);
    }
}
