use std::collections::HashMap;

use foldhash::fast::RandomState;
use mcp_layers_core::{ConfigError, Method, ToolHints};

use super::{
    Access, Rules,
    access::Gate,
    rules::Targets,
    scopes::Scopes,
    uri::{is_normal, split_scheme},
};

/// What [`Rules`] are made of.
#[derive(Debug)]
#[must_use = "rules hold once they are built"]
pub struct RulesBuilder {
    tools: Vec<(String, Access)>,
    resources: Vec<(String, Access)>,
    prompts: Vec<(String, Access)>,
    methods: Vec<(String, Access)>,
    others: Vec<(String, Access)>,
    unknown: Access,
    otherwise: Access,
    scopes: Scopes,
    read_only: Option<ToolHints>,
}

impl RulesBuilder {
    pub(super) fn new() -> Self {
        Self {
            tools: Vec::new(),
            resources: Vec::new(),
            prompts: Vec::new(),
            methods: Vec::new(),
            others: Vec::new(),
            unknown: Access::nobody(),
            otherwise: Access::nobody().hidden(),
            scopes: Scopes::default(),
            read_only: None,
        }
    }

    /// Who may see and call a tool: by its name, or by a pattern such as `admin_*`.
    pub fn tool(mut self, pattern: impl Into<String>, access: Access) -> Self {
        self.tools.push((pattern.into(), access));
        self
    }

    /// Who may see, read and subscribe to a resource, use a template or a skill: by its uri, or by a
    /// pattern such as `file:///notes/*`, which matches all that lies below.
    pub fn resource(mut self, pattern: impl Into<String>, access: Access) -> Self {
        self.resources.push((pattern.into(), access));
        self
    }

    /// Who may see, get and complete a prompt: by its name, or by a pattern.
    pub fn prompt(mut self, pattern: impl Into<String>, access: Access) -> Self {
        self.prompts.push((pattern.into(), access));
        self
    }

    /// Who may use a method of the protocol at all, such as `logging/setLevel`. What the target asks
    /// for must hold besides.
    pub fn method(mut self, method: impl Into<String>, access: Access) -> Self {
        self.methods.push((method.into(), access));
        self
    }

    /// Who may use a method that the protocol does not have, by its exact name.
    pub fn other_method(mut self, method: impl Into<String>, access: Access) -> Self {
        self.others.push((method.into(), access));
        self
    }

    /// Who may use all other methods that the protocol does not have, or does not have servers
    /// answer. Default: nobody.
    pub fn unknown_methods(mut self, access: Access) -> Self {
        self.unknown = access;
        self
    }

    /// Who may use tools, resources and prompts without a rule. Default: nobody, and they are
    /// hidden.
    pub fn otherwise(mut self, access: Access) -> Self {
        self.otherwise = access;
        self
    }

    /// A scope that does for another one, and for what that implies.
    pub fn implies(mut self, broader: impl AsRef<str>, narrower: impl AsRef<str>) -> Self {
        self.scopes
            .add(broader.as_ref().into(), narrower.as_ref().into());
        self
    }

    /// Lets through only tools that these hints call read-only. Giving the table is a statement of
    /// trust in whoever fills it: the operator ([`ToolHints::learn`]), or the server, if its
    /// [`ToolHints::layer`] stands inside of the authorization; a tool is then refused until it was
    /// listed once.
    pub fn read_only(mut self, trusted: ToolHints) -> Self {
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
        let hides = self.check_access()?;
        for (pattern, _) in &self.resources {
            check_uri(pattern)?;
        }

        let gate = |name: String, access: Access| Gate::new(name, access, &self.scopes);
        let targets = |sort: &str, rules: Vec<(String, Access)>| {
            Targets::new(rules.into_iter().map(|(pattern, access)| {
                let name = format!("{sort} {pattern}");
                (pattern, gate(name, access))
            }))
        };
        let mut methods = HashMap::with_hasher(RandomState::default());
        for (name, access) in self.methods {
            let method = asked_about(&name)?;
            if methods.insert(method, gate(name.clone(), access)).is_some() {
                return Err(ConfigError::new(format!("{name:?} has two rules")));
            }
        }
        let mut others = HashMap::with_hasher(RandomState::default());
        for (name, access) in self.others {
            let method = Method::new(&name);
            if method.known().is_some() || method.is_notification() || name.is_empty() {
                let fault = format!("{name:?} is no method that the protocol lacks");
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
            odd: gate("uri not normal".to_owned(), Access::nobody().hidden()),
            read_only: self.read_only,
            hides,
        })
    }
}

impl RulesBuilder {
    /// Checks the scopes; says whether anything can be hidden.
    fn check_access(&self) -> Result<bool, ConfigError> {
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
        // Uris that are not in normal form are hidden where there are rules for uris.
        let mut hides = !self.resources.is_empty();
        for (name, access) in named.chain(defaults) {
            access.check(name)?;
            needed.extend(access.needed_scopes().iter().map(|scope| &**scope));
            hides |= access.is_hidden();
        }
        self.scopes.check(&needed)?;
        Ok(hides)
    }
}

/// A method that layers ask policies about.
fn asked_about(name: &str) -> Result<Method<'static>, ConfigError> {
    let fault = |text| ConfigError::new(format!("method {name:?} {text}"));
    let method = Method::new(name)
        .known()
        .ok_or_else(|| fault("is none of the protocol"))?;
    if method.is_lifecycle() {
        return Err(fault("is of the lifecycle, which is always allowed"));
    }
    if method.is_notification() {
        return Err(fault("is a notification, which is never asked about"));
    }
    Ok(method)
}

/// Whether a pattern for uris can match, and matches no more than it says.
fn check_uri(pattern: &str) -> Result<(), ConfigError> {
    let fault = |text| ConfigError::new(format!("resource {pattern:?} {text}"));
    let Some(prefix) = pattern.strip_suffix('*') else {
        return match split_scheme(pattern) {
            Some(_) => Ok(()),
            None => Err(fault("is no uri: it has no scheme")),
        };
    };
    if prefix.is_empty() {
        return Ok(());
    }
    let Some((scheme, rest)) = split_scheme(prefix) else {
        return Err(fault("has no scheme, and can never match"));
    };
    // The prefix may end in the middle of anything but an escape.
    if !matches!(rest, "" | "/" | "//") && !is_normal(prefix) {
        return Err(fault("is not in normal form, and can never match"));
    }
    let authority = rest.strip_prefix("//").unwrap_or("/");
    if matches!(scheme, "http" | "https" | "ws" | "wss")
        && !authority.is_empty()
        && !authority.contains('/')
    {
        return Err(fault("would match other hosts too: end it after the `/`"));
    }
    Ok(())
}
