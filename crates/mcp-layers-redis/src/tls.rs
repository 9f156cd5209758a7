//! Certificates of TLS connections.

use mcp_layers_core::ConfigError;
use redis::ClientTlsConfig;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::RedisConnection;

#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
impl RedisConnection {
    /// Sets the root certificates that servers' certificates are verified against, in PEM, instead of
    /// the system's. Clones that were made before keep their own connection.
    ///
    /// # Errors
    /// If the text has no certificate or one that cannot be read, or if the address is not
    /// `rediss://`.
    pub fn root_certificates(self, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let pem = pem.as_ref();
        let mut roots = RootCertStore::empty();
        let read = certificates(pem)
            .is_some_and(|found| found.into_iter().all(|root| roots.add(root).is_ok()));
        if !read {
            return Err(ConfigError::new(
                "not root certificates: expected one or several in PEM",
            ));
        }
        let mut certificates = self.certificates.clone();
        certificates.root_cert = Some(pem.to_vec());
        self.with_certificates(certificates)
    }

    /// Sets the client certificate, followed by its chain, and its private key, both in PEM; none by
    /// default. Clones that were made before keep their own connection.
    ///
    /// # Errors
    /// If one of them cannot be read, if the key does not belong to the certificate, or if the address
    /// is not `rediss://`. The error repeats neither.
    pub fn client_certificate(
        self,
        certificate_pem: impl AsRef<[u8]>,
        key_pem: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        let (certificate, key) = (certificate_pem.as_ref(), key_pem.as_ref());
        if !fit(certificate, key) {
            return Err(ConfigError::new(
                "not a client certificate: expected a certificate and its private key, both in PEM",
            ));
        }
        let mut certificates = self.certificates.clone();
        certificates.client_tls = Some(ClientTlsConfig {
            client_cert: certificate.to_vec(),
            client_key: key.to_vec(),
        });
        self.with_certificates(certificates)
    }
}

/// At least one, or nothing.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|found| !found.is_empty())
}

fn fit(certificate: &[u8], key: &[u8]) -> bool {
    let (Some(chain), Ok(key), Some(cryptography)) = (
        certificates(certificate),
        PrivateKeyDer::from_pem_slice(key),
        CryptoProvider::get_default().cloned(),
    ) else {
        return false;
    };
    let config = ClientConfig::builder_with_provider(cryptography)
        .with_safe_default_protocol_versions()
        .map(|config| config.with_root_certificates(RootCertStore::empty()));
    config.is_ok_and(|config| config.with_client_auth_cert(chain, key).is_ok())
}
