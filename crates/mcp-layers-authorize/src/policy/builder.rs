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
    rules: Vec<(Subject, String, Access)>,
    unknown: Access,
    otherwise: Access,
    scopes: Scopes,
    read_only: Option<Catalog>,
}

/// The things that a rule is about.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Tool,
    Resource,
    Prompt,
    Method,
    OtherMethod,
}

impl Rules {
    /// An empty table, which hides everything.
    pub fn builder() -> RulesBuilder {
        RulesBuilder {
            rules: Vec::new(),
            unknown: Access::nobody().hidden(),
            otherwise: Access::nobody().hidden(),
            scopes: Scopes::default(),
            read_only: None,
        }
    }
}

impl RulesBuilder {
    fn rule(mut self, subject: Subject, name: impl Into<String>, access: Access) -> Self {
        self.rules.push((subject, name.into(), access));
        self
    }

    /// Adds a rule for seeing and calling tools: one by its name, or several by a pattern such as
    /// `admin_*`.
    pub fn tool(self, pattern: impl Into<String>, access: Access) -> Self {
        self.rule(Subject::Tool, pattern, access)
    }

    /// Adds a rule for seeing, reading and subscribing to resources, and for templates and skills: one
    /// by its uri, or several by a pattern such as `file:///notes/*`, which matches everything below.
    /// `*` matches every uri.
    pub fn resource(self, pattern: impl Into<String>, access: Access) -> Self {
        self.rule(Subject::Resource, pattern, access)
    }

    /// Adds a rule for seeing, getting and completing prompts: one by its name, or several by a
    /// pattern.
    pub fn prompt(self, pattern: impl Into<String>, access: Access) -> Self {
        self.rule(Subject::Prompt, pattern, access)
    }

    /// Adds a rule for a method of the protocol, such as `logging/setLevel`. The rule of the target
    /// must hold in addition.
    pub fn method(self, method: impl Into<String>, access: Access) -> Self {
        self.rule(Subject::Method, method, access)
    }

    /// Adds a rule for a method that the protocol does not have, by its exact name.
    pub fn other_method(self, method: impl Into<String>, access: Access) -> Self {
        self.rule(Subject::OtherMethod, method, access)
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
        let rules = self.rules.iter().map(|(_, name, access)| (&**name, access));
        let defaults = [
            ("unknown methods", &self.unknown),
            ("otherwise", &self.otherwise),
        ];
        let mut needed = Vec::new();
        for (name, access) in rules.chain(defaults) {
            access.check(name)?;
            needed.extend(access.needed_scopes().iter().map(|scope| &**scope));
        }
        self.scopes.check(&needed)?;

        let gate = |name: String, access| Gate::new(name, access, &self.scopes);
        let (mut tools, mut resources, mut prompts) =
            <(Patterns<_>, Patterns<_>, Patterns<_>)>::default();
        let (mut methods, mut others) = (HashMap::new(), HashMap::new());
        for (subject, name, access) in self.rules {
            let is_new = match subject {
                Subject::Tool => tools.insert(&name, gate(format!("tool {name}"), access))?,
                Subject::Resource => {
                    check_uri(&name)?;
                    resources.insert(&name, gate(format!("resource {name}"), access))?
                }
                Subject::Prompt => prompts.insert(&name, gate(format!("prompt {name}"), access))?,
                Subject::Method => {
                    check_method(&name)?;
                    let gate = gate(name.clone(), access);
                    methods.insert(name.clone(), gate).is_none()
                }
                Subject::OtherMethod => {
                    check_other_method(&name)?;
                    let gate = gate(name.clone(), access);
                    others.insert(name.clone(), gate).is_none()
                }
            };
            if !is_new {
                return Err(ConfigError::new(format!("{name:?} has two rules")));
            }
        }
        Ok(Rules {
            tools,
            resources,
            prompts,
            methods,
            others,
            unknown: gate("unknown method".to_owned(), self.unknown),
            otherwise: gate("no rule".to_owned(), self.otherwise),
            not_normal: gate("uri not normal".to_owned(), Access::nobody().hidden()),
            read_only: self.read_only,
        })
    }
}

/// Refuses methods that layers never ask policies about.
fn check_method(name: &str) -> Result<(), ConfigError> {
    let text = match Method::new(name).known() {
        None => "is not a method of the protocol",
        Some(method) if method.is_lifecycle() => {
            "belongs to the lifecycle, which is always allowed"
        }
        Some(method) if method.is_notification() => "is a notification, which needs no access",
        Some(_) => return Ok(()),
    };
    Err(ConfigError::new(format!("method {name:?} {text}")))
}

fn check_other_method(name: &str) -> Result<(), ConfigError> {
    let method = Method::new(name);
    if method.known().is_some() || method.is_notification() || name.is_empty() {
        let fault = format!("{name:?} is not a method outside the protocol");
        return Err(ConfigError::new(fault));
    }
    Ok(())
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
