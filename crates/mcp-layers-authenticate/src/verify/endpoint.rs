//! HTTP requests to an issuer, limited in size and time.

use std::{error::Error, fmt, net::IpAddr, time::Duration};

use mcp_layers_core::ConfigError;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, redirect};

/// A URL that is requested without redirects, within limits of size and time.
#[derive(Clone)]
pub(super) struct Endpoint {
    url: Url,
    pub(super) client: Client,
    pub(super) timeout: Duration,
    pub(super) max_bytes: usize,
}

/// The schemes that a URL may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schemes {
    /// `https`, and `http` to a loopback address.
    Secure,
    /// `http` to any address too.
    PlainHttp,
}

impl Endpoint {
    pub(super) fn new(url: &str, schemes: Schemes, max_bytes: usize) -> Result<Self, ConfigError> {
        let url = Url::parse(url).map_err(|_| ConfigError::new("the URL cannot be parsed"))?;
        let is_allowed = match url.scheme() {
            "https" => true,
            "http" => schemes == Schemes::PlainHttp || is_loopback(&url),
            _ => false,
        };
        if !is_allowed || !url.username().is_empty() || url.password().is_some() {
            return Err(ConfigError::new(
                "the URL must be https, or http to a loopback address, without credentials",
            ));
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent("mcp-layers-authenticate")
            .build();
        Ok(Self {
            url,
            client: client.map_err(|error| ConfigError::new(error.to_string()))?,
            timeout: Duration::from_secs(5),
            max_bytes,
        })
    }

    pub(super) fn request(&self, method: Method) -> RequestBuilder {
        self.client
            .request(method, self.url.clone())
            .header("accept", "application/json")
            .timeout(self.timeout)
    }

    /// Returns the body of the response, if its status is 200 and it is not too large.
    pub(super) async fn read(&self, request: RequestBuilder) -> Result<Vec<u8>, EndpointError> {
        let mut response = request.send().await.map_err(EndpointError::Failed)?;
        // A client of the application's may follow redirects.
        if *response.url() != self.url {
            return Err(EndpointError::Redirected);
        }
        if response.status() != StatusCode::OK {
            return Err(EndpointError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(EndpointError::Failed)? {
            if chunk.len() > self.max_bytes.saturating_sub(body.len()) {
                return Err(EndpointError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Encodes a client's id or secret as `application/x-www-form-urlencoded` (RFC 6749, section
    /// 2.3.1).
    pub(super) fn encoded(&self, text: &str) -> String {
        let mut url = self.url.clone();
        url.query_pairs_mut().clear().append_key_only(text);
        url.query().unwrap_or_default().to_owned()
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.url.as_str()).finish()
    }
}

/// The reason why an issuer's response is not usable.
#[derive(Debug)]
pub(super) enum EndpointError {
    Failed(reqwest::Error),
    Redirected,
    Status(StatusCode),
    TooLarge,
    #[cfg(feature = "__jwt")]
    NotAKeySet,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(_) => f.write_str("the request to the issuer failed"),
            Self::Redirected => f.write_str("the issuer redirected the request"),
            Self::Status(status) => write!(f, "the issuer answered {status}"),
            Self::TooLarge => f.write_str("the issuer's response is too large"),
            #[cfg(feature = "__jwt")]
            Self::NotAKeySet => f.write_str("the issuer's response has no usable keys"),
        }
    }
}

impl Error for EndpointError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Schemes};

    #[test]
    fn plain_http_is_only_for_loopback_unless_allowed() {
        let good = |url| Endpoint::new(url, Schemes::Secure, 1).is_ok();
        for url in [
            "https://as.example/keys",
            "http://127.0.0.1:9/keys",
            "http://127.8.8.8/keys",
            "http://[::1]:9/keys",
            "http://localhost/keys",
        ] {
            assert!(good(url), "{url}");
        }
        for url in [
            "http://as.example/keys",
            "http://localhost.evil.example/",
            "http://10.0.0.1/",
            "https://user:secret@as.example/",
            "file:///keys",
            "keys",
        ] {
            assert!(!good(url), "{url}");
        }
        let cluster = |url| Endpoint::new(url, Schemes::PlainHttp, 1).is_ok();
        assert!(cluster("http://keycloak.svc/keys") && cluster("https://as.example/keys"));
        assert!(!cluster("http://user:secret@keycloak.svc/") && !cluster("file:///keys"));
    }

    #[test]
    fn credentials_are_encoded_for_a_form() {
        let endpoint = Endpoint::new("https://a.example/", Schemes::Secure, 1).unwrap();
        assert_eq!(endpoint.encoded("a b:c&ü"), "a+b%3Ac%26%C3%BC");
    }
}
