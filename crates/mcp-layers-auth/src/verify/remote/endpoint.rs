//! One address that is asked, within bounds.

use std::{error::Error, fmt, net::IpAddr, time::Duration};

use mcp_layers_core::ConfigError;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, redirect};

/// An address that is asked, without redirects, within bounds of size and time.
#[derive(Clone)]
pub(super) struct Endpoint {
    url: Url,
    client: Client,
    pub(super) timeout: Duration,
    pub(super) max_bytes: usize,
}

impl Endpoint {
    pub(super) fn new(url: &str, timeout: Duration, max_bytes: usize) -> Result<Self, ConfigError> {
        let url = Url::parse(url).map_err(|_| ConfigError::new("this is no URL"))?;
        if !is_safe(&url) {
            return Err(ConfigError::new(
                "an https URL, or http to a loopback address, without credentials in it",
            ));
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent("mcp-layers-auth")
            .build();
        Ok(Self {
            url,
            client: client.map_err(|error| ConfigError::new(error.to_string()))?,
            timeout,
            max_bytes,
        })
    }

    pub(super) fn request(&self, method: Method) -> RequestBuilder {
        self.client
            .request(method, self.url.clone())
            .header("accept", "application/json")
            .timeout(self.timeout)
    }

    /// The body of the answer, if its status is 200 and it is not too large.
    pub(super) async fn read(&self, request: RequestBuilder) -> Result<Vec<u8>, EndpointError> {
        let mut response = request.send().await.map_err(EndpointError::Failed)?;
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

    /// `application/x-www-form-urlencoded`, as RFC 6749, section 2.3.1 wants the parts of a client's
    /// credentials.
    pub(super) fn encoded(&self, text: &str) -> String {
        let mut url = self.url.clone();
        url.query_pairs_mut().clear().append_key_only(text);
        url.query().unwrap_or_default().to_owned()
    }
}

fn is_safe(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let anonymous = url.username().is_empty() && url.password().is_none();
    anonymous && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.url.as_str()).finish()
    }
}

/// Why an address gave nothing of use.
#[derive(Debug)]
pub(super) enum EndpointError {
    Failed(reqwest::Error),
    Status(StatusCode),
    TooLarge,
    #[cfg(feature = "__jwt")]
    Useless,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(_) => f.write_str("the request failed"),
            Self::Status(status) => write!(f, "the status was {status}"),
            Self::TooLarge => f.write_str("the answer is too large"),
            #[cfg(feature = "__jwt")]
            Self::Useless => f.write_str("the answer is not what was asked for"),
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
    use super::Endpoint;
    use std::time::Duration;

    #[test]
    fn plain_http_is_for_loopback_alone() {
        let good = |url| Endpoint::new(url, Duration::from_secs(1), 1).is_ok();
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
    }

    #[test]
    fn credentials_are_encoded_for_a_form() {
        let endpoint = Endpoint::new("https://a.example/", Duration::from_secs(1), 1).unwrap();
        assert_eq!(endpoint.encoded("a b:c&ü"), "a+b%3Ac%26%C3%BC");
    }
}
