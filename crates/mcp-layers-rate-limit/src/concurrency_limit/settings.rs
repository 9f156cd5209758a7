//! The settings of a concurrency limit.

use mcp_layers_core::{ConfigError, Event, KeyWriter, McpError, McpRequest, Method, Refusal, code};

use super::permits::Permits;
use crate::{
    key_component::{KeyComponent, is_known},
    methods,
};

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) name: Box<str>,
    pub(super) max_in_flight: usize,
    pub(super) max_long_lived: Option<usize>,
    pub(super) key: Vec<KeyComponent>,
    pub(super) refusal: Refusal,
}

impl Settings {
    pub(super) fn new(name: Box<str>, max_in_flight: usize) -> Result<Self, ConfigError> {
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return Err(ConfigError::new(format!(
                "concurrency limit `{name}`: a name has 1 to 64 bytes and no control characters"
            )));
        }
        at_least_one(max_in_flight, "max_in_flight")?;
        Ok(Self {
            name,
            max_in_flight,
            max_long_lived: None,
            key: vec![KeyComponent::Principal],
            refusal: Refusal::new(),
        })
    }

    /// The limit of a method, if it has one.
    pub(super) fn max(&self, method: Method<'_>, permits: &Permits) -> Option<usize> {
        if method.is_long_lived() {
            self.max_long_lived
        } else {
            methods::does_work(method).then(|| permits.max_in_flight(self.max_in_flight))
        }
    }

    /// The key of a request. Long-lived requests have keys of their own.
    pub(super) fn key<Req: McpRequest>(&self, request: &Req) -> Vec<u8> {
        let is_known = is_known(request);
        let is_long_lived = request.method().is_long_lived();
        let mut bytes = Vec::new();
        let mut key = KeyWriter::new(&mut bytes);
        key.tag(if is_long_lived { b'l' } else { b's' });
        for component in &self.key {
            component.write(request, is_known, &mut key);
        }
        bytes
    }

    pub(super) fn refuse<Req: McpRequest>(&self, request: &Req) -> Req::Response {
        let name = &self.name;
        let message = format!("Too many requests at once: try again later (limit {name})");
        let error = McpError::public(code::RATE_LIMITED, message)
            .with("reason", "concurrency_limited")
            .with("rule", &**name);
        let event = Event::Limited {
            rule: name.to_string().into(),
            retry_after: std::time::Duration::ZERO,
        };
        self.refusal.answer(request, error, event)
    }
}

/// Checks that a limit is not zero.
pub(super) fn at_least_one(limit: usize, setting: &'static str) -> Result<(), ConfigError> {
    match limit {
        0 => Err(ConfigError::new(format!("{setting}: at least one request"))),
        _ => Ok(()),
    }
}
