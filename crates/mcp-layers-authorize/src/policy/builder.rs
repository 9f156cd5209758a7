use std::collections::HashMap;

use mcp_layers_core::{Catalog, ConfigError, Method};

use super::{
    access::{Access, Gate},
    patterns::Patterns,
    rules::Rules,
    scopes::Scopes,
    uri::{is_normal, split_scheme},
};

/// A builder of [`Rules`].
#[derive(Debug)]
#[must_use = "rules take effect once they are built"]
pub struct RulesBuilder {
    tools: Vec<(String, Access)>,
    resources: Vec<(String, Access)>,
    prompts: Vec<(String, Access)>,
    methods: Vec<(String, Access)>,
    others: Vec<(String, Access)>,
    unknown: Access,
    otherwise: Access,
    scopes: Scopes,
    read_only: Option<Catalog>,
}

impl Rules {
    /// An empty table, which hides everything.
    pub fn builder() -> RulesBuilder {
        RulesBuilder::new()
    }
}

impl RulesBuilder {
    fn new() -> Self {
        Self {
            tools: Vec::new(),
            resources: Vec::new(),
            prompts: Vec::new(),
            methods: Vec::new(),
            others: Vec::new(),
            unknown: Access::nobody().hidden(),
            otherwise: Access::nobody().hidden(),
            scopes: Scopes::default(),
            read_only: None,
        }
    }

    /// Adds a rule for seeing and calling tools: one by its name, or several by a pattern such as
    /// `admin_*`.
    pub fn tool(mut self, pattern: impl Into<String>, access: Access) -> Self {
        self.tools.push((pattern.into(), access));
        self
    }

    /// Adds a rule for seeing, reading and subscribing to resources, and for templates and skills: one
    /// by its uri, or several by a pattern such as `file:///notes/*`, which matches everything below.
    /// `*` matches every uri.
    pub fn resource(mut self, pattern: impl Into<String>, access: Access) -> Self {
        self.resources.push((pattern.into(), access));
        self
    }

    /// Adds a rule for seeing, getting and completing prompts: one by its name, or several by a
    /// pattern.
    pub fn prompt(mut self, pattern: impl Into<String>, access: Access) -> Self {
        self.prompts.push((pattern.into(), access));
        self
    }

    /// Adds a rule for a method of the protocol, such as `logging/setLevel`. The rule of the target
    /// must hold in addition.
    pub fn method(mut self, method: impl Into<String>, access: Access) -> Self {
        self.methods.push((method.into(), access));
        self
    }

    /// Adds a rule for a method that the protocol does not have, by its exact name.
    pub fn other_method(mut self, method: impl Into<String>, access: Access) -> Self {
        self.others.push((method.into(), access));
        self
    }

    /// Sets the access to all other methods that the protocol does not have, or that servers do not
    /// answer. Default: nobody, and they are hidden: the answer is -32601.
    pub fn unknown_methods(mut self, access: Access) -> Self {
        self.unknown = access;
        self
    }

    /// Sets the access to tools, resources and prompts without a rule. Default: nobody, and they are
    /// hidden.
    pub fn otherwise(mut self, access: Access) -> Self {
        self.otherwise = access;
        self
    }

    /// Makes a scope include another one, and every scope that the other one includes.
    pub fn implies(mut self, broader: impl AsRef<str>, narrower: impl AsRef<str>) -> Self {
        self.scopes
            .add(broader.as_ref().into(), narrower.as_ref().into());
        self
    }

    /// Allows only tools that this catalog calls read-only. Passing it means trusting those who fill it:
    /// the operator ([`Catalog::with_tool_hints`]), or the server, if the catalog is that of the stack
    /// ([`CatalogLayer`](mcp_layers_core::CatalogLayer)); a tool is then refused until it was listed or
    /// looked up.
    pub fn read_only(mut self, trusted: Catalog) -> Self {
        self.read_only = Some(trusted);
        self
    }

    /// Checks the rules.
    ///
    /// # Errors
    ///
    /// When a pattern can never match (empty, control characters, a `*` before its end, a uri
    /// without a scheme or not in its normal form) or reaches from one host to others; when two
    /// rules have the same pattern; when [`RulesBuilder::method`] names a method that the protocol
    /// does not have or that is never asked about, or [`RulesBuilder::other_method`] one that it
    /// has; when a scope has characters that no scope has, implies itself, or implies one that no
    /// rule needs.
    pub fn build(self) -> Result<Rules, ConfigError> {
        self.check_access()?;
        for (pattern, _) in &self.resources {
            check_uri(pattern)?;
        }

        let gate = |name: String, access: Access| Gate::new(name, access, &self.scopes);
        let targets = |sort: &str, rules: Vec<(String, Access)>| {
            Patterns::new(rules.into_iter().map(|(pattern, access)| {
                let name = format!("{sort} {pattern}");
                (pattern, gate(name, access))
            }))
        };
        let mut methods = HashMap::new();
        for (name, access) in self.methods {
            let method = asked_about(&name)?;
            if methods.insert(method, gate(name.clone(), access)).is_some() {
                return Err(ConfigError::new(format!("{name:?} has two rules")));
            }
        }
        let mut others = HashMap::new();
        for (name, access) in self.others {
            let method = Method::new(&name);
            if method.known().is_some() || method.is_notification() || name.is_empty() {
                let fault = format!("{name:?} is not a method outside the protocol");
                return Err(ConfigError::new(fault));
            }
            let gate = gate(name.clone(), access);
            if others.insert(name.clone().into_boxed_str(), gate).is_some() {
                return Err(ConfigError::new(format!("{name:?} has two rules")));
            }
        }
        Ok(Rules {
            tools: targets("tool", self.tools)?,
            resources: targets("resource", self.resources)?,
            prompts: targets("prompt", self.prompts)?,
            methods,
            others,
            unknown: gate("unknown method".to_owned(), self.unknown),
            otherwise: gate("no rule".to_owned(), self.otherwise),
            not_normal: gate("uri not normal".to_owned(), Access::nobody().hidden()),
            read_only: self.read_only,
        })
    }
}

impl RulesBuilder {
    /// Checks the scopes.
    fn check_access(&self) -> Result<(), ConfigError> {
        let named = [
            &self.tools,
            &self.resources,
            &self.prompts,
            &self.methods,
            &self.others,
        ];
        let named = named.into_iter().flatten();
        let named = named.map(|(name, access)| (&**name, access));
        let defaults = [
            ("unknown methods", &self.unknown),
            ("otherwise", &self.otherwise),
        ];
        let mut needed = Vec::new();
        for (name, access) in named.chain(defaults) {
            access.check(name)?;
            needed.extend(access.needed_scopes().iter().map(|scope| &**scope));
        }
        self.scopes.check(&needed)
    }
}

/// Reads a method that layers ask policies about.
fn asked_about(name: &str) -> Result<Method<'static>, ConfigError> {
    let fault = |text| ConfigError::new(format!("method {name:?} {text}"));
    let method = Method::new(name)
        .known()
        .ok_or_else(|| fault("is not a method of the protocol"))?;
    if method.is_lifecycle() {
        return Err(fault("belongs to the lifecycle, which is always allowed"));
    }
    if method.is_notification() {
        return Err(fault("is a notification, which needs no access"));
    }
    Ok(method)
}

/// Refuses a pattern for uris that can never match, or that matches more than it seems to.
fn check_uri(pattern: &str) -> Result<(), ConfigError> {
    let fault = |text| ConfigError::new(format!("resource {pattern:?} {text}"));
    let Some(prefix) = pattern.strip_suffix('*') else {
        return match split_scheme(pattern) {
            Some(_) => Ok(()),
            None => Err(fault("is not a uri: it has no scheme")),
        };
    };
    if prefix.is_empty() {
        return Ok(());
    }
    let Some((scheme, rest)) = split_scheme(prefix) else {
        return Err(fault("has no scheme, and can never match"));
    };
    let authority = rest.strip_prefix("//").unwrap_or("/");
    if matches!(scheme, "http" | "https" | "ws" | "wss")
        && !authority.is_empty()
        && !authority.contains('/')
    {
        return Err(fault("would match other hosts too: end it after the `/`"));
    }
    // The prefix may end in the middle of anything except an escape.
    if !matches!(rest, "" | "/" | "//") && !is_normal(prefix) {
        return Err(fault("is not in normal form, and can never match"));
    }
    Ok(())
}
