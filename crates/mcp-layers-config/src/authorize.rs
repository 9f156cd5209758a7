//! The table `authorize`.

use std::collections::BTreeMap;

use mcp_layers_authorize::{Access, AuthorizeHandle, AuthorizeLayer, Bindings, Rules};
use mcp_layers_core::{Catalog, Hints};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at, join},
    table::{Change, Table, switch_on, with_handle},
    value::TimeSpan,
};

/// Settings of an [`AuthorizeLayer`] with [`Rules`]: `[authorize]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AuthorizeSettings {
    /// The access to tools, by their names or patterns such as `admin_*`.
    pub tool: BTreeMap<String, AccessSettings>,
    /// The access to resources, by their uris or patterns such as `file:///notes/*`.
    pub resource: BTreeMap<String, AccessSettings>,
    /// The access to prompts, by their names or patterns.
    pub prompt: BTreeMap<String, AccessSettings>,
    /// The access to methods of the protocol, by their names, in addition to that of the target.
    pub method: BTreeMap<String, AccessSettings>,
    /// The access to methods that the protocol does not have, by their names.
    pub other_method: BTreeMap<String, AccessSettings>,
    /// The access to all other methods that the protocol does not have; by default they are hidden.
    pub unknown_methods: Option<AccessSettings>,
    /// The access to tools, resources and prompts without a rule; by default they are hidden.
    pub otherwise: Option<AccessSettings>,
    /// The scopes that each scope includes.
    pub implies: BTreeMap<String, Vec<String>>,
    /// The tools that change nothing; all others are refused. By default no tool is refused for this.
    pub read_only: Option<Vec<String>>,
    /// Answers denied calls of tools with a result that has `isError: true`.
    pub as_tool_error: bool,
    /// Keeps in lists what is denied without being hidden.
    pub list_denied: bool,
    /// The time that a decision may take.
    pub policy_timeout: TimeSpan,
    /// Lets any principal use a task whose owner is not known.
    pub allow_unbound_tasks: bool,
    /// Lets any principal use a request state whose owner is not known.
    pub allow_unbound_states: bool,
    /// The sessions, tasks and request states that are remembered with their owners, each.
    pub max_bindings: usize,
    /// The edge around an HTTP transport.
    #[cfg(feature = "authorize-http")]
    pub http: AuthorizeHttpSettings,
}

/// The principals that have access: those for whom all that is set holds. At least one is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// Any verified principal has access.
    pub any_principal: bool,
    /// No principal has access.
    pub nobody: bool,
    /// The scopes that a principal needs, all of them.
    pub scopes: Vec<String>,
    /// The roles of which a principal needs one; empty for no such demand.
    pub any_role: Vec<String>,
    /// The tenants of which a principal needs one; empty for no such demand.
    pub any_tenant: Vec<String>,
    /// Hides the target from principals without access.
    pub hidden: bool,
}

impl AccessSettings {
    fn access(&self, path: &str) -> Result<Access, ConfigError> {
        let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
        let scopes = self.scopes.iter().map(String::as_str);
        let (roles, tenants): (Vec<Box<str>>, _) = (texts(&self.any_role), texts(&self.any_tenant));
        let demands = scopes.len() + roles.len() + tenants.len() > 0;
        let access = match (self.nobody, self.any_principal, demands) {
            (true, false, false) => Access::nobody(),
            (false, true, false) => Access::any_principal(),
            (false, false, true) => Access::scopes(scopes)
                .with_any_role(roles)
                .with_any_tenant(tenants),
            (false, false, false) => {
                let problem = "it names nobody: set `scopes`, `any_role`, `any_tenant`, \
                               `any_principal = true` or `nobody = true`";
                return Err(ConfigError::new(path, problem));
            }
            _ => {
                let problem = "`any_principal` and `nobody` stand alone";
                return Err(ConfigError::new(path, problem));
            }
        };
        Ok(match self.hidden {
            true => access.hidden(),
            false => access,
        })
    }
}

impl Default for AuthorizeSettings {
    fn default() -> Self {
        Self {
            tool: BTreeMap::new(),
            resource: BTreeMap::new(),
            prompt: BTreeMap::new(),
            method: BTreeMap::new(),
            other_method: BTreeMap::new(),
            unknown_methods: None,
            otherwise: None,
            implies: BTreeMap::new(),
            read_only: None,
            as_tool_error: false,
            list_denied: false,
            policy_timeout: AuthorizeLayer::DEFAULT_TIMEOUT.into(),
            allow_unbound_tasks: false,
            allow_unbound_states: false,
            max_bindings: Bindings::DEFAULT_MAX,
            #[cfg(feature = "authorize-http")]
            http: AuthorizeHttpSettings::default(),
        }
    }
}

impl AuthorizeSettings {
    /// Builds the layer.
    ///
    /// # Errors
    /// As [`RulesBuilder::build`](mcp_layers_authorize::RulesBuilder::build), for an access that names
    /// nobody, and for a limit of zero.
    pub fn layer(&self) -> Result<AuthorizeLayer, ConfigError> {
        let layer = AuthorizeLayer::new(self.rules()?)
            .policy_timeout(self.policy_timeout.get())
            .max_bindings(self.max_bindings);
        let layer = layer.map_err(at("authorize.max_bindings"))?;
        Ok(switch_on(
            layer,
            [
                (self.as_tool_error, AuthorizeLayer::as_tool_error),
                (self.list_denied, AuthorizeLayer::list_denied),
                (
                    self.allow_unbound_tasks,
                    AuthorizeLayer::allow_unbound_tasks,
                ),
                (
                    self.allow_unbound_states,
                    AuthorizeLayer::allow_unbound_states,
                ),
            ],
        ))
    }

    /// The rules.
    ///
    /// # Errors
    /// As [`AuthorizeSettings::layer`].
    pub fn rules(&self) -> Result<Rules, ConfigError> {
        let mut rules = Rules::builder();
        for (name, access) in &self.tool {
            rules = rules.tool(name, access.access(&join("authorize.tool", name))?);
        }
        for (uri, access) in &self.resource {
            rules = rules.resource(uri, access.access(&join("authorize.resource", uri))?);
        }
        for (name, access) in &self.prompt {
            rules = rules.prompt(name, access.access(&join("authorize.prompt", name))?);
        }
        for (name, access) in &self.method {
            rules = rules.method(name, access.access(&join("authorize.method", name))?);
        }
        for (name, access) in &self.other_method {
            let access = access.access(&join("authorize.other_method", name))?;
            rules = rules.other_method(name, access);
        }
        if let Some(access) = &self.unknown_methods {
            rules = rules.unknown_methods(access.access("authorize.unknown_methods")?);
        }
        if let Some(access) = &self.otherwise {
            rules = rules.otherwise(access.access("authorize.otherwise")?);
        }
        for (broader, narrower) in &self.implies {
            rules = narrower
                .iter()
                .fold(rules, |rules, narrower| rules.implies(broader, narrower));
        }
        if let Some(tools) = &self.read_only {
            let hints = Hints::default().with_read_only(true);
            let declare =
                |catalog: Catalog, tool: &String| catalog.with_tool_hints(tool.as_str(), hints);
            rules = rules.read_only(tools.iter().fold(Catalog::new(), declare));
        }
        rules.build().map_err(at("authorize"))
    }
}

impl Table for AuthorizeSettings {
    with_handle!(AuthorizeLayer, AuthorizeHandle);

    fn with_live_keys_of(&self, new: &Self) -> Self {
        Self {
            as_tool_error: self.as_tool_error,
            list_denied: self.list_denied,
            policy_timeout: self.policy_timeout,
            allow_unbound_tasks: self.allow_unbound_tasks,
            allow_unbound_states: self.allow_unbound_states,
            max_bindings: self.max_bindings,
            #[cfg(feature = "authorize-http")]
            http: self.http.clone(),
            ..new.clone()
        }
    }

    fn prepare(&self, _: &Self, live: &AuthorizeHandle) -> Result<Vec<Change>, ConfigError> {
        let (rules, live) = (self.rules()?, live.clone());
        Ok(vec![Box::new(move || live.set_policy(rules))])
    }
}

#[cfg(feature = "authorize-http")]
pub use http::AuthorizeHttpSettings;

#[cfg(feature = "authorize-http")]
mod http {
    use mcp_layers_authorize::{AuthorizeHttpLayer, AuthorizeLayer};
    use serde::{Deserialize, Serialize};

    use crate::{
        error::{ConfigError, at},
        value::ByteSize,
    };

    /// Settings of an [`AuthorizeHttpLayer`]: `[authorize.http]`.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(default, deny_unknown_fields)]
    pub struct AuthorizeHttpSettings {
        /// The largest body that is read.
        pub max_body: ByteSize,
        /// Leaves denials with missing scopes to the stack.
        pub missing_scopes_in_stack: bool,
    }

    impl Default for AuthorizeHttpSettings {
        fn default() -> Self {
            Self {
                max_body: AuthorizeHttpLayer::DEFAULT_MAX_BODY.into(),
                missing_scopes_in_stack: false,
            }
        }
    }

    impl AuthorizeHttpSettings {
        /// Builds the edge of a layer.
        ///
        /// # Errors
        /// For a limit of zero.
        pub fn layer(&self, layer: &AuthorizeLayer) -> Result<AuthorizeHttpLayer, ConfigError> {
            let edge = AuthorizeHttpLayer::new(layer).max_body(self.max_body.in_memory());
            let edge = edge.map_err(at("authorize.http.max_body"))?;
            Ok(match self.missing_scopes_in_stack {
                true => edge.missing_scopes_in_stack(),
                false => edge,
            })
        }
    }
}
