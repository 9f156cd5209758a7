//! HTTP requests to an issuer, limited in size and time.

use std::{fmt, net::IpAddr, time::Duration};

use mcp_layers_core::{BoxError, ConfigError};
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
    pub(super) async fn read(&self, request: RequestBuilder) -> Result<Vec<u8>, BoxError> {
        let mut response = request.send().await?;
        // A client of the application's may follow redirects.
        if *response.url() != self.url {
            return Err("the issuer redirected the request".into());
        }
        if response.status() != StatusCode::OK {
            return Err(format!("the issuer answered {}", response.status()).into());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if chunk.len() > self.max_bytes.saturating_sub(body.len()) {
                return Err("the issuer's response is too large".into());
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
        f.debug_struct("Endpoint")
            .field("url", &self.url.as_str())
            .field("timeout", &self.timeout)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

/// The setters that `RemoteKeySet` and `Introspection` have in common.
macro_rules! endpoint_setters {
    () => {
        /// Sends requests with this client: for a proxy, root certificates of your own, or a client
        /// certificate. It must not follow redirects; a redirected response is not used. By default
        /// a client without proxy is used, with the roots of the platform.
        #[must_use]
        pub fn http_client(self, client: reqwest::Client) -> Self {
            self.set(|settings| settings.endpoint.client = client)
        }

        /// Sets the time limit for a response; 5 s by default.
        #[must_use]
        pub fn timeout(self, timeout: Duration) -> Self {
            self.set(|settings| settings.endpoint.timeout = timeout)
        }

        /// Sets the clock, for tests.
        #[must_use]
        pub fn with_clock(self, clock: Clock) -> Self {
            self.set(|settings| settings.clock = clock)
        }
    };
}
pub(super) use endpoint_setters;
