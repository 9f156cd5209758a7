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

    /// Every scope that implies this one, over any number of steps.
    pub(super) fn broader(&self, scope: &str) -> Box<[Arc<str>]> {
        reach(scope, |from, step| {
            let edges = self.implies.iter();
            let edges = edges.filter(|(_, narrower)| **narrower == *from);
            edges.for_each(|(broader, _)| step(broader));
        })
    }

    fn narrower(&self, scope: &str) -> Box<[Arc<str>]> {
        reach(scope, |from, step| {
            let edges = self.implies.iter();
            let edges = edges.filter(|(broader, _)| **broader == *from);
            edges.for_each(|(_, narrower)| step(narrower));
        })
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
            let implied = self.narrower(broader);
            if implied.iter().any(|scope| scope == broader) {
                return Err(ConfigError::new(format!("{edge}: it implies itself")));
            }
            let mut asked = self.narrower(narrower).into_vec();
            asked.push(Arc::clone(narrower));
            if !asked.iter().any(|scope| needed.contains(&&**scope)) {
                return Err(ConfigError::new(format!(
                    "{edge}: no rule needs that scope"
                )));
            }
        }
        Ok(())
    }
}

/// The scopes that can be reached from one; that scope itself only over a circle.
fn reach(from: &str, steps: impl Fn(&str, &mut dyn FnMut(&Arc<str>))) -> Box<[Arc<str>]> {
    let mut found: Vec<Arc<str>> = Vec::new();
    let mut next = 0;
    let mut at: Arc<str> = from.into();
    loop {
        steps(&at, &mut |step| {
            if !found.contains(step) {
                found.push(Arc::clone(step));
            }
        });
        let Some(scope) = found.get(next) else {
            return found.into();
        };
        at = Arc::clone(scope);
        next += 1;
    }
}

/// True if the text is one scope (RFC 6749, section 3.3: `%x21 / %x23-5B / %x5D-7E`).
pub(super) fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(allowed)
}
