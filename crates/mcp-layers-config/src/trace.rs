//! The table `trace`.

use std::collections::BTreeMap;

use mcp_layers_trace::{Capture, DigestKey, Parent, SessionId, TraceLayer};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    redactor::RedactorSettings,
    side::Side,
    table::{Table, switch_on},
    value::{ByteSize, Secret},
};

/// Settings of a [`TraceLayer`]: `[trace]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TraceSettings {
    /// The side whose spans are made.
    pub side: Side,
    /// The parent of a server's spans.
    pub parent: ParentSpan,
    /// The key of the digest by which session ids are exported; by default they are not.
    pub session_id: Option<Secret>,
    /// The key of the digest by which principals are exported; by default they are not.
    pub principal_digest: Option<Secret>,
    /// Exports the client's address and port.
    pub client_address: bool,
    /// The address and port of the server, on a client's spans; none by default.
    pub server_address: Option<ServerAddress>,
    /// Adds the uri of a known resource to the span's name.
    pub uri_in_name: bool,
    /// Carries W3C Baggage in `_meta`.
    pub baggage: bool,
    /// Keeps the span of a long-lived request until its end.
    pub long_spans: bool,
    /// Makes no span where the parent is not sampled.
    pub skip_unsampled: bool,
    /// The arguments, results and prompt variables that are exported.
    pub capture: CaptureSettings,
}

/// The parent of a server's spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ParentSpan {
    /// The span in `_meta` of the request.
    #[default]
    Meta,
    /// The ambient span: for public servers.
    Ambient,
}

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ServerAddress {
    /// The name or IP address.
    pub address: String,
    /// The port.
    pub port: u16,
}

/// The arguments, results and prompt variables that are exported: none by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CaptureSettings {
    /// The top-level arguments of each tool.
    pub arguments: BTreeMap<String, Vec<String>>,
    /// The tools whose results are exported.
    pub result: Vec<String>,
    /// The arguments of each prompt.
    pub prompt_variables: BTreeMap<String, Vec<String>>,
    /// The maximum length of each attribute.
    pub max_bytes: ByteSize,
    /// The redactor of the values.
    pub redactor: RedactorSettings,
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self {
            arguments: BTreeMap::new(),
            result: Vec::new(),
            prompt_variables: BTreeMap::new(),
            max_bytes: ByteSize::new(1_024),
            redactor: RedactorSettings::default(),
        }
    }
}

impl CaptureSettings {
    fn capture(&self) -> Result<Capture, ConfigError> {
        let capture = Capture::new().max_bytes(self.max_bytes.in_memory());
        let mut capture = capture
            .map_err(at("trace.capture.max_bytes"))?
            .redactor(self.redactor.redactor("trace.capture.redactor")?);
        for (tool, fields) in &self.arguments {
            capture = capture.arguments(tool.as_str(), fields.iter().map(String::as_str));
        }
        for tool in &self.result {
            capture = capture.result(tool.as_str());
        }
        for (prompt, fields) in &self.prompt_variables {
            let fields = fields.iter().map(String::as_str);
            capture = capture.prompt_variables(prompt.as_str(), fields);
        }
        Ok(capture)
    }
}

impl TraceSettings {
    /// Builds the layer, with the global tracer of OpenTelemetry.
    ///
    /// # Errors
    /// As the setters of [`Capture`], and if a secret cannot be read or is shorter than 16 bytes.
    pub fn layer(&self) -> Result<TraceLayer, ConfigError> {
        let layer = match self.side {
            Side::Server => TraceLayer::server(),
            Side::Client => TraceLayer::client(),
        };
        let mut layer = layer.parent(match self.parent {
            ParentSpan::Meta => Parent::Meta,
            ParentSpan::Ambient => Parent::Ambient,
        });
        if let Some(secret) = &self.session_id {
            let key = key("trace.session_id", secret)?;
            layer = layer.session_id(SessionId::Digest(key));
        }
        if let Some(secret) = &self.principal_digest {
            layer = layer.principal_digest(key("trace.principal_digest", secret)?);
        }
        if let Some(server) = &self.server_address {
            layer = layer.server_address(server.address.as_str(), server.port);
        }
        if self.capture != CaptureSettings::default() {
            layer = layer.capture(self.capture.capture()?);
        }
        Ok(switch_on(
            layer,
            [
                (self.client_address, TraceLayer::client_address),
                (self.uri_in_name, TraceLayer::uri_in_name),
                (self.baggage, TraceLayer::baggage),
                (self.long_spans, TraceLayer::long_spans),
                (self.skip_unsampled, TraceLayer::skip_unsampled),
            ],
        ))
    }
}

fn key(path: &str, secret: &Secret) -> Result<DigestKey, ConfigError> {
    DigestKey::new(secret.bytes().map_err(at(path))?).map_err(at(path))
}

impl Table for TraceSettings {
    type Layer = TraceLayer;
    type Live = ();

    fn build(&self) -> Result<(TraceLayer, ()), ConfigError> {
        Ok((self.layer()?, ()))
    }

    fn secrets(&self) -> Vec<(String, &Secret)> {
        let secrets = [
            ("trace.session_id", &self.session_id),
            ("trace.principal_digest", &self.principal_digest),
        ];
        let set = secrets.into_iter();
        set.filter_map(|(path, secret)| Some((path.to_owned(), secret.as_ref()?)))
            .collect()
    }
}
