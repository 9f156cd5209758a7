use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use mcp_layers_core::{ListedKind, Method, Principal, ToolHints};

use super::{
    Decision, Immediate, Operation, Policy, Verdict, access::Gate, builder::RulesBuilder,
    names::Names, uri::is_normal,
};

/// A table of rules, checked when it is built.
///
/// ```
/// use mcp_layers_auth::{Access, Decision, Operation, Rules};
/// use mcp_layers_core::{Authentication, Principal};
///
/// # fn main() -> Result<(), mcp_layers_core::ConfigError> {
/// let rules = Rules::builder()
///     .tool("*", Access::scopes(["tools"]))
///     .tool("admin_*", Access::scopes(["admin"]).hidden())
///     .resource("file:///notes/*", Access::any_principal())
///     .implies("admin", "tools")
///     .build()?;
///
/// let ada = Principal::new("ada", Authentication::Bearer).with_scopes(["tools"]);
/// assert!(rules.decision(Operation::call_tool("echo"), &ada).is_allowed());
/// assert!(matches!(
///     rules.decision(Operation::call_tool("admin_reset"), &ada),
///     Decision::Hide(_)
/// ));
/// # Ok(())
/// # }
/// ```
///
/// # Rules
///
/// 1. The most specific rule decides, alone: that of the exact name, else that of the longest
///    matching pattern. A pattern ends with its only `*` and matches whatever begins so. Names are
///    compared byte for byte.
/// 2. A tool, resource or prompt without a rule is hidden ([`RulesBuilder::otherwise`]). So is a
///    request of which the name cannot be read.
/// 3. A uri that is not in the normal form of RFC 3986, section 6.2.2, or that hides slashes or dots
///    behind percent signs, matches no pattern and is hidden; only a rule with exactly that uri can
///    allow it. A server could read it as another one.
/// 4. A template is decided by its text as though it were a uri, and a skill by its uri, with the
///    rules for resources.
/// 5. Lists are allowed to every principal: their entries are filtered. So are `logging/setLevel`,
///    `subscriptions/listen` (each uri in it needs access) and the tasks (each is its owner's).
///    [`RulesBuilder::method`] asks for more; what the method and what the target ask for must
///    both hold, and a denial says what either lacks.
/// 6. Methods that the protocol does not have are denied
///    ([`RulesBuilder::other_method`], [`RulesBuilder::unknown_methods`]).
/// 7. A broader scope does for every narrower one that it implies.
#[derive(Debug)]
pub struct Rules {
    pub(super) tools: Targets,
    pub(super) resources: Targets,
    pub(super) prompts: Targets,
    pub(super) methods: HashMap<Method<'static>, Gate, RandomState>,
    pub(super) others: HashMap<Box<str>, Gate, RandomState>,
    pub(super) unknown: Gate,
    pub(super) otherwise: Gate,
    /// For uris that are not written in their normal form.
    pub(super) odd: Gate,
    pub(super) read_only: Option<ToolHints>,
    pub(super) hides: bool,
}

pub(super) type Targets = Names<Gate>;

impl Rules {
    /// An empty table, which hides everything.
    pub fn builder() -> RulesBuilder {
        RulesBuilder::new()
    }

    /// What the rules say.
    #[must_use]
    pub fn decision(&self, operation: Operation<'_>, principal: &Principal) -> Decision {
        if operation.method.is_lifecycle() {
            return Decision::Allow;
        }
        let (by_method, by_target) = self.gates(&operation);
        let admits = |gate: Option<&Gate>| gate.is_none_or(|gate| gate.admits(principal));
        if admits(by_method) && admits(by_target) {
            return self.read_only(&operation);
        }
        let decide =
            |gate: Option<&Gate>| gate.map_or(Decision::Allow, |gate| gate.decide(principal));
        decide(by_method).and(decide(by_target))
    }

    /// What the method and what the target ask for.
    fn gates<'a>(&'a self, operation: &Operation<'_>) -> (Option<&'a Gate>, Option<&'a Gate>) {
        let Some(method) = operation.method.known() else {
            let other = self.others.get(operation.method.as_str());
            return (Some(other.unwrap_or(&self.unknown)), None);
        };
        let by_method = match self.methods.is_empty() {
            true => None,
            false => self.methods.get(&method),
        };
        let table = match operation.kind {
            Some(ListedKind::Tool) => &self.tools,
            Some(ListedKind::Prompt) => &self.prompts,
            Some(ListedKind::Task) => return (by_method, None),
            Some(_) => return (by_method, Some(self.resource(operation.target))),
            // A completion of what cannot be told.
            None if method == Method::Complete => {
                return (by_method, Some(&self.otherwise));
            }
            None if is_served(method) => return (by_method, None),
            None => return (by_method, Some(&self.unknown)),
        };
        let found = operation.target.and_then(|name| {
            let exact = table.exact(name);
            exact.or_else(|| table.by_prefix(name))
        });
        (by_method, Some(found.unwrap_or(&self.otherwise)))
    }

    fn resource(&self, uri: Option<&str>) -> &Gate {
        let found = uri.and_then(|uri| {
            let by_prefix = || {
                is_normal(uri)
                    .then(|| self.resources.by_prefix(uri))
                    .flatten()
            };
            self.resources.exact(uri).or_else(by_prefix)
        });
        found.unwrap_or(match uri {
            Some(uri) if is_normal(uri) => &self.otherwise,
            _ => &self.odd,
        })
    }

    fn read_only(&self, operation: &Operation<'_>) -> Decision {
        let (Some(hints), Some(ListedKind::Tool)) = (&self.read_only, operation.kind) else {
            return Decision::Allow;
        };
        let known = operation.target.and_then(|tool| hints.get(tool));
        match known.and_then(|hints| hints.read_only) {
            Some(true) => Decision::Allow,
            _ => Decision::deny("read-only mode"),
        }
    }
}

impl Policy for Rules {
    type Future = Immediate;

    fn decide(&self, operation: Operation<'_>, principal: &Arc<Principal>) -> Verdict<Immediate> {
        Verdict::Now(self.decision(operation, principal))
    }

    fn hides(&self) -> bool {
        self.hides
    }

    fn visit_names(&self, visit: &mut dyn FnMut(ListedKind, &str)) {
        for (kind, names) in [
            (ListedKind::Tool, &self.tools),
            (ListedKind::Resource, &self.resources),
            (ListedKind::Prompt, &self.prompts),
        ] {
            names.names().for_each(|name| visit(kind, name));
        }
    }
}

/// Known methods without a target that servers answer.
fn is_served(method: Method<'_>) -> bool {
    method.is_list() || matches!(method, Method::SetLevel | Method::Listen)
}
