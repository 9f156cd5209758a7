//! Whom a connection trusts, and what it shows of itself.

use std::sync::Arc;

use mcp_layers_core::ConfigError;
use redis::{ClientTlsConfig, TlsCertificates};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::RedisConnection;

#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
impl RedisConnection {
    /// Trusts servers that these certificates vouch for, in PEM, in place of the system's.
    ///
    /// Begins a connection of its own: clones that were made before keep theirs.
    ///
    /// # Errors
    /// When there is no certificate in it or one that cannot be read, or when the address is not
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

    /// Shows servers this certificate, with those that vouch for it after it, by this key, both in
    /// PEM; none by default.
    ///
    /// Begins a connection of its own: clones that were made before keep theirs.
    ///
    /// # Errors
    /// When one of them cannot be read, when the key is not that of the certificate, or when the
    /// address is not `rediss://`. The error repeats neither.
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

pub(crate) const NO_CERTIFICATES: TlsCertificates = TlsCertificates {
    client_tls: None,
    root_cert: None,
};

/// At least one, or nothing.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|found| !found.is_empty())
}

fn fit(certificate: &[u8], key: &[u8]) -> bool {
    let (Some(chain), Ok(key)) = (
        certificates(certificate),
        PrivateKeyDer::from_pem_slice(key),
    ) else {
        return false;
    };
    let chosen = CryptoProvider::get_default().cloned();
    let cryptography = chosen.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let config = ClientConfig::builder_with_provider(cryptography)
        .with_safe_default_protocol_versions()
        .map(|config| config.with_root_certificates(RootCertStore::empty()));
    config.is_ok_and(|config| config.with_client_auth_cert(chain, key).is_ok())
}
