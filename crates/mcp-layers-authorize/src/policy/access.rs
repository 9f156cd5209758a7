use std::sync::Arc;

use mcp_layers_core::{ConfigError, Principal};

use super::{
    decision::{Decision, Denial},
    scopes::{Scopes, is_scope},
};

/// The requirements of one rule of [`Rules`](crate::Rules).
///
/// All of them must hold: every scope, one of the roles, one of the tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    nobody: bool,
    scopes: Vec<Arc<str>>,
    roles: Vec<Box<str>>,
    tenants: Vec<Box<str>>,
    hidden: bool,
}

impl Access {
    /// Any verified principal. A request without a principal is always refused.
    #[must_use]
    pub fn any_principal() -> Self {
        Self::scopes::<&str>([])
    }

    /// No principal at all.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            nobody: true,
            ..Self::any_principal()
        }
    }

    /// A principal with all of these scopes, or broader ones.
    pub fn scopes<T: Into<Arc<str>>>(scopes: impl IntoIterator<Item = T>) -> Self {
        Self {
            nobody: false,
            scopes: scopes.into_iter().map(Into::into).collect(),
            roles: Vec::new(),
            tenants: Vec::new(),
            hidden: false,
        }
    }

    /// Requires one of these roles in addition.
    #[must_use]
    pub fn with_any_role<T: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = T>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Requires one of these tenants in addition.
    #[must_use]
    pub fn with_any_tenant<T: Into<Box<str>>>(
        mut self,
        tenants: impl IntoIterator<Item = T>,
    ) -> Self {
        self.tenants = tenants.into_iter().map(Into::into).collect();
        self
    }

    /// Hides the target from principals without access: they get the answer that they would get to an
    /// unknown name, byte for byte. That is the denial of the rules for such names, or "unknown" if
    /// those allow them.
    ///
    /// Lists lack what a principal may not use in either case. A target that is not hidden stays in them
    /// with [`AuthorizeLayer::list_denied`](crate::AuthorizeLayer::list_denied).
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    pub(super) fn needed_scopes(&self) -> &[Arc<str>] {
        &self.scopes
    }

    pub(super) fn check(&self, rule: &str) -> Result<(), ConfigError> {
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(ConfigError::new(format!(
                "{rule}: {scope:?} is not a scope"
            )));
        }
        Ok(())
    }
}

/// An [`Access`] with the name of its rule, and for each scope the broader ones that imply it.
#[derive(Debug)]
pub(super) struct Gate {
    name: String,
    access: Access,
    /// For each needed scope the broader ones.
    broader: Vec<Vec<Arc<str>>>,
}

impl Gate {
    pub(super) fn new(name: String, access: Access, scopes: &Scopes) -> Self {
        let broader = access.scopes.iter().map(|scope| scopes.broader(scope));
        Self {
            name,
            broader: broader.collect(),
            access,
        }
    }

    /// True if the target is hidden from the principal.
    pub(super) fn hides_from(&self, principal: &Principal) -> bool {
        self.access.hidden && !self.admits(principal)
    }

    /// True if the principal has access. Allocates nothing.
    pub(super) fn admits(&self, principal: &Principal) -> bool {
        let access = &self.access;
        !access.nobody
            && self.needs().all(|need| has(principal, need))
            && (access.roles.is_empty() || access.roles.iter().any(|role| principal.has_role(role)))
            && (access.tenants.is_empty()
                || principal
                    .tenant()
                    .is_some_and(|tenant| access.tenants.iter().any(|have| **have == *tenant)))
    }

    /// The decision for a principal.
    pub(super) fn decide(&self, principal: &Principal) -> Decision {
        if self.admits(principal) {
            return Decision::Allow;
        }
        let rule = self.name.clone();
        if self.access.hidden {
            return Decision::hide(rule);
        }
        let missing = self.needs().filter(|need| !has(principal, *need));
        Denial::new(rule)
            .with_missing_scopes(missing.map(|(scope, _)| Arc::clone(scope)))
            .with_required_scopes(self.access.scopes.iter().cloned())
            .into()
    }

    fn needs(&self) -> impl Iterator<Item = (&Arc<str>, &[Arc<str>])> {
        let broader = self.broader.iter().map(Vec::as_slice);
        self.access.scopes.iter().zip(broader)
    }
}

fn has(principal: &Principal, (scope, broader): (&Arc<str>, &[Arc<str>])) -> bool {
    principal.has_scope(scope) || broader.iter().any(|broader| principal.has_scope(broader))
}
