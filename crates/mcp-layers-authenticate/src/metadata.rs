//! The metadata of an OAuth protected resource (RFC 9728).

use bytes::Bytes;
use http::Uri;
use mcp_layers_core::{
    ConfigError,
    http::{Challenge, is_scope},
};
use serde::Serialize;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata of an MCP server as an OAuth protected resource (RFC 9728, section 2): it tells
/// clients where to get tokens.
///
/// ```
/// use mcp_layers_authenticate::ResourceMetadata;
///
/// # fn main() -> Result<(), mcp_layers_core::ConfigError> {
/// let metadata = ResourceMetadata::new("https://mcp.example/mcp")?
///     .authorization_server("https://as.example")?
///     .scopes_supported(["tools"])?;
/// assert_eq!(
///     metadata.url(),
///     "https://mcp.example/.well-known/oauth-protected-resource/mcp",
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct ResourceMetadata {
    resource: Box<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<Box<str>>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<Box<str>>,
    #[serde(skip)]
    origin: Box<str>,
    #[serde(skip)]
    path: Box<str>,
}

impl ResourceMetadata {
    /// Describes the resource with this URL, as clients write it: it is the audience of their tokens
    /// (RFC 8707).
    ///
    /// # Errors
    ///
    /// The text is not an absolute `http` or `https` URL, or has a query, a fragment or user
    /// information.
    pub fn new(resource: impl Into<Box<str>>) -> Result<Self, ConfigError> {
        let resource = resource.into();
        let uri = absolute(&resource)?;
        if uri.query().is_some() {
            return Err(ConfigError::new(
                "the URL of the resource must not have a query",
            ));
        }
        Ok(Self {
            origin: origin_of(&uri).into(),
            path: uri.path().trim_end_matches('/').into(),
            resource,
            authorization_servers: Vec::new(),
            scopes_supported: Vec::new(),
            bearer_methods_supported: ["header"],
            resource_name: None,
            resource_documentation: None,
        })
    }

    /// Adds an authorization server, by its issuer identifier (RFC 8414, section 2).
    ///
    /// # Errors
    ///
    /// The text is not an absolute `http` or `https` URL.
    pub fn authorization_server(
        mut self,
        issuer: impl Into<Box<str>>,
    ) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        absolute(&issuer)?;
        self.authorization_servers.push(issuer);
        Ok(self)
    }

    /// Sets the scopes that clients may request.
    ///
    /// # Errors
    ///
    /// A scope is not valid (RFC 6749, section 3.3).
    pub fn scopes_supported<T: Into<Box<str>>>(
        mut self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        self.scopes_supported = scopes.into_iter().map(Into::into).collect();
        match self.scopes_supported.iter().find(|scope| !is_scope(scope)) {
            None => Ok(self),
            Some(scope) => Err(ConfigError::new(format!("{scope:?} is not a scope"))),
        }
    }

    /// Sets the human-readable name of the resource.
    #[must_use]
    pub fn resource_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.resource_name = Some(name.into());
        self
    }

    /// Sets the URL of the resource's documentation.
    #[must_use]
    pub fn resource_documentation(mut self, url: impl Into<Box<str>>) -> Self {
        self.resource_documentation = Some(url.into());
        self
    }

    /// Returns the URL at which the metadata is served: the well-known path between host and path of
    /// the resource (RFC 9728, section 3.1). Challenges contain it as `resource_metadata`.
    pub fn url(&self) -> String {
        format!("{}{WELL_KNOWN}{}", self.origin, self.path)
    }

    /// Adds the URL of the metadata to a challenge.
    pub(crate) fn add_to(&self, challenge: Challenge) -> Challenge {
        let with_url = challenge.with_resource_metadata(self.url());
        with_url.expect("`new` checked that the URL is absolute, and so is the well-known one")
    }

    /// Returns the origin of the resource, as browsers write it.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether the metadata is served at this path: the resource's own, or the one at the
    /// root, which MCP clients try next.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let rest = path.strip_prefix(WELL_KNOWN);
        rest.is_some_and(|rest| rest.is_empty() || rest == &*self.path)
    }

    pub(crate) fn to_json(&self) -> Bytes {
        let json = serde_json::to_vec(self).expect("strings are always valid JSON");
        json.into()
    }
}

fn absolute(url: &str) -> Result<Uri, ConfigError> {
    let uri: Uri = url
        .parse()
        .map_err(|_| ConfigError::new(format!("{url:?} is not a URL")))?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    // A host and an optional port, and nothing that only looks like one.
    let host = uri.authority().is_some_and(|authority| {
        let host = authority.host();
        let port = match authority.port_u16() {
            Some(port) => format!(":{port}"),
            None => String::new(),
        };
        !host.is_empty() && authority.as_str().strip_prefix(host) == Some(&port)
    });
    // `Uri` drops a fragment silently.
    if !web || !host || !is_scope(url) || url.contains('#') {
        return Err(ConfigError::new(format!(
            "{url:?} is not an absolute http or https URL without a fragment"
        )));
    }
    Ok(uri)
}

/// Returns `scheme://host[:port]` in lower case and without a default port, as in `Origin` headers.
pub(crate) fn origin_of(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    match (scheme, uri.port_u16()) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    }
}
