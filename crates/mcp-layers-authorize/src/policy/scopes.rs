//! Scopes, and which of them imply which.

use std::sync::Arc;

use mcp_layers_core::ConfigError;

/// The implications between scopes: a broader one implies narrower ones.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// Broader, narrower.
    implies: Vec<(Arc<str>, Arc<str>)>,
}

impl Scopes {
    pub(super) fn add(&mut self, broader: Arc<str>, narrower: Arc<str>) {
        self.implies.push((broader, narrower));
    }

    /// Every scope that implies this one, over any number of steps; that scope itself only over a
    /// circle.
    pub(super) fn broader(&self, scope: &str) -> Vec<Arc<str>> {
        let mut found: Vec<Arc<str>> = Vec::new();
        let mut from = Some(Arc::from(scope));
        let mut next = 0;
        while let Some(narrow) = from {
            for (broader, narrower) in &self.implies {
                if *narrower == narrow && !found.contains(broader) {
                    found.push(Arc::clone(broader));
                }
            }
            from = found.get(next).cloned();
            next += 1;
        }
        found
    }

    /// Refuses texts that are no scopes, a scope that implies itself, and one that no rule needs.
    pub(super) fn check(&self, needed: &[&str]) -> Result<(), ConfigError> {
        for (index, (broader, narrower)) in self.implies.iter().enumerate() {
            let edge = format!("{broader:?} implies {narrower:?}");
            if !is_scope(broader) || !is_scope(narrower) {
                return Err(ConfigError::new(format!("{edge}: not a scope")));
            }
            if self.implies[..index].contains(&self.implies[index]) {
                return Err(ConfigError::new(format!("{edge}: it is set twice")));
            }
            if self.broader(broader).contains(broader) {
                return Err(ConfigError::new(format!("{edge}: it implies itself")));
            }
            let needs =
                |scope: &&str| **scope == **narrower || self.broader(scope).contains(narrower);
            if !needed.iter().any(needs) {
                return Err(ConfigError::new(format!(
                    "{edge}: no rule needs that scope"
                )));
            }
        }
        Ok(())
    }
}

/// True if the text is one scope (RFC 6749, section 3.3: `%x21 / %x23-5B / %x5D-7E`).
pub(super) fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(allowed)
}
