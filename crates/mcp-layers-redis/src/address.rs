//! The address of a server, as an operator writes it.

use mcp_layers_core::ConfigError;
use redis::{Client, ConnectionAddr};

/// Reads an address. Errors do not repeat it, for it may hold a password.
pub(crate) fn read(address: &str) -> Result<Client, ConfigError> {
    if is_tls(address) && cfg!(not(feature = "tls")) {
        return Err(ConfigError::new(
            "an address that begins with `rediss://` needs the feature `tls` of mcp-layers-redis",
        ));
    }
    #[cfg(feature = "tls")]
    if is_tls(address) && rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(ConfigError::new(
            "TLS needs a cryptography provider: install one of rustls's for the process, such as by \
             `rustls::crypto::aws_lc_rs::default_provider().install_default()`",
        ));
    }
    let client = Client::open(address).map_err(|_| {
        ConfigError::new(
            "not an address of Redis: expected `redis://[user:password@]host:port/database`, \
             `rediss://` for the same over TLS, or `unix:///path`",
        )
    })?;
    let info = client.get_connection_info();
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        return Err(ConfigError::new(
            "an address with `#insecure` is not taken: name the certificate to trust instead",
        ));
    }
    Ok(client)
}

/// Reads the address of a node of a cluster.
#[cfg(feature = "cluster")]
pub(crate) fn read_node(address: &str) -> Result<Client, ConfigError> {
    let client = read(address)?;
    let info = client.get_connection_info();
    if matches!(info.addr(), ConnectionAddr::Unix(_)) {
        return Err(ConfigError::new(
            "the nodes of a cluster are found by host and port, not by a path",
        ));
    }
    if info.redis_settings().db() != 0 {
        return Err(ConfigError::new(
            "a cluster has no database other than 0: leave it out of the address",
        ));
    }
    Ok(client)
}

fn is_tls(address: &str) -> bool {
    let scheme = address.trim_start().split(':').next().unwrap_or_default();
    ["rediss", "valkeys"]
        .iter()
        .any(|tls| scheme.eq_ignore_ascii_case(tls))
}
