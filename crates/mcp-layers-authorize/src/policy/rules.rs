use std::{collections::HashMap, sync::Arc};

use mcp_layers_core::{Catalog, ListedKind, Method, Principal};

use super::{
    Evaluation, Policy,
    access::Gate,
    decision::{Decision, Denial},
    operation::Operation,
    patterns::Patterns,
    uri::{is_normal, look_alikes, split_scheme},
};

/// A table of rules, checked when it is built.
///
/// ```
/// use mcp_layers_authorize::{Access, Decision, Operation, Rules};
/// use mcp_layers_core::{Authentication, Principal};
///
/// # fn main() -> Result<(), mcp_layers_core::ConfigError> {
/// let rules = Rules::builder()
///     // Everything without a rule of its own; without this line it is hidden.
///     .otherwise(Access::scopes(["tools"]))
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
/// 1. The most specific rule decides, alone: that of the exact name, otherwise that of the longest
///    matching pattern. A pattern ends with its only `*` and matches every name that begins with the
///    text before it. Names are compared byte for byte.
/// 2. A tool, resource or prompt without a rule is hidden ([`RulesBuilder::otherwise`]): a table with
///    rules for tools alone hides all prompts and resources. So is a request whose name cannot be
///    read.
/// 3. A uri in another spelling than the normal form of RFC 3986 (sections 6.2.2 and 6.2.3), or with a
///    fragment, or with escapes that hide slashes, dots, `?` or `#`, could be read as another uri. A
///    rule with exactly that uri decides about it. Otherwise it is hidden, unless there is a rule for
///    `*` and the principal has access by that and by every rule of the same scheme.
/// 4. A uri with a query also meets the rule of the uri without it, and one with a slash or dots at
///    the end of its path that of the uri without them; the more specific rule decides.
/// 5. A template is decided by its text as if it were a uri, and a skill by its uri, with the rules
///    for resources.
/// 6. Lists are allowed to every principal: their entries are filtered. So are `logging/setLevel`,
///    `subscriptions/listen` (each uri in it needs access) and the tasks (each is its owner's).
///    [`RulesBuilder::method`] asks for more; the requirements of method and target must both hold,
///    and a denial names all missing scopes.
/// 7. Methods that the protocol does not have are hidden: they get the answer to an unknown method
///    ([`RulesBuilder::other_method`], [`RulesBuilder::unknown_methods`]).
/// 8. A broader scope replaces every narrower one that it implies.
/// 9. A hidden name is decided as an unknown one ([`Access::hidden`](crate::Access::hidden)): by the
///    most specific of the other rules, except those that hide it too. If they deny it, the caller gets
///    their denial; if they allow it, the answer to an unknown name.
///
/// [`RulesBuilder::otherwise`]: crate::RulesBuilder::otherwise
/// [`RulesBuilder::method`]: crate::RulesBuilder::method
/// [`RulesBuilder::other_method`]: crate::RulesBuilder::other_method
/// [`RulesBuilder::unknown_methods`]: crate::RulesBuilder::unknown_methods
#[derive(Debug)]
pub struct Rules {
    pub(super) tools: Patterns<Gate>,
    pub(super) resources: Patterns<Gate>,
    pub(super) prompts: Patterns<Gate>,
    pub(super) methods: HashMap<String, Gate>,
    pub(super) others: HashMap<String, Gate>,
    pub(super) unknown: Gate,
    pub(super) otherwise: Gate,
    /// For uris in another spelling than their normal form.
    pub(super) not_normal: Gate,
    pub(super) read_only: Option<Catalog>,
}

/// A filter of rules.
type Accepts<'a> = &'a dyn Fn(&Gate) -> bool;

impl Rules {
    /// The decision about one operation.
    #[must_use]
    pub fn decision(&self, operation: Operation<'_>, principal: &Principal) -> Decision {
        if operation.method.is_lifecycle() {
            return Decision::Allow;
        }
        let decide =
            |gate: Option<&Gate>| gate.map_or(Decision::Allow, |gate| gate.decide(principal));
        let by_method = decide(self.methods.get(operation.method.as_str()));
        let by_target = match decide(self.target(&operation, principal, &|_| true)) {
            Decision::Allow => self.read_only(&operation),
            Decision::Hide(rule) => {
                let is_visible = |gate: &Gate| !gate.hides_from(principal);
                match decide(self.target(&operation, principal, &is_visible)) {
                    Decision::Deny(denial) => denial.by_hidden(rule).into(),
                    // No catalog has the hints of an unknown tool.
                    Decision::Allow if self.is_read_only(&operation) => {
                        Denial::new(rule).hidden().into()
                    }
                    _ => Decision::Hide(rule),
                }
            }
            denied @ Decision::Deny(_) => denied,
        };
        by_method.and(by_target)
    }

    /// The requirements of the target, or of a method outside the protocol: those of the most specific
    /// rule that is accepted.
    fn target(
        &self,
        operation: &Operation<'_>,
        principal: &Principal,
        accepts: Accepts<'_>,
    ) -> Option<&Gate> {
        let Some(method) = operation.method.known() else {
            let other = self.others.get(operation.method.as_str());
            return other.filter(|gate| accepts(gate)).or(Some(&self.unknown));
        };
        match (operation.kind, operation.target) {
            (Some(ListedKind::Task), _) => None,
            (Some(ListedKind::Tool), Some(name)) => {
                self.tools.get(name, accepts).or(Some(&self.otherwise))
            }
            (Some(ListedKind::Prompt), Some(name)) => {
                self.prompts.get(name, accepts).or(Some(&self.otherwise))
            }
            (Some(ListedKind::Tool | ListedKind::Prompt), None) => Some(&self.otherwise),
            (Some(_), Some(uri)) => Some(self.resource(uri, principal, accepts)),
            (Some(_), None) => Some(&self.not_normal),
            // A completion whose reference cannot be read.
            (None, _) if method == Method::Complete => Some(&self.otherwise),
            (None, _) if is_served(method) => None,
            (None, _) => Some(&self.unknown),
        }
    }

    /// The rules for things of a kind; tasks have none.
    fn table(&self, kind: ListedKind) -> Option<&Patterns<Gate>> {
        match kind {
            ListedKind::Tool => Some(&self.tools),
            ListedKind::Prompt => Some(&self.prompts),
            ListedKind::Task => None,
            _ => Some(&self.resources),
        }
    }

    fn resource(&self, uri: &str, principal: &Principal, accepts: Accepts<'_>) -> &Gate {
        if let Some(exact) = self.resources.exact(uri).filter(|gate| accepts(gate)) {
            return exact;
        }
        if !is_normal(uri) {
            return self.other_spelling(uri, principal);
        }
        let mut best = self.resources.longest_prefix(uri, accepts);
        if uri.ends_with(['/', '.']) || uri.contains(['?', '%', ':']) {
            for alike in look_alikes(uri) {
                let exact = self.resources.exact(&alike).filter(|gate| accepts(gate));
                let exact = exact.map(|gate| (alike.len(), gate));
                let found = exact.or_else(|| self.resources.longest_prefix(&alike, accepts));
                let length = |found: Option<(usize, &Gate)>| found.map(|(length, _)| length);
                let is_narrower = match exact {
                    Some(_) => length(found) >= length(best),
                    None => length(found) > length(best),
                };
                if is_narrower {
                    best = found;
                }
            }
        }
        best.map_or(&self.otherwise, |(_, gate)| gate)
    }

    /// A server could read such a uri as any other one of the same scheme, so that it needs the access
    /// of them all.
    fn other_spelling(&self, uri: &str, principal: &Principal) -> &Gate {
        let Some(catch_all) = self.resources.catch_all() else {
            return &self.not_normal;
        };
        let scheme = split_scheme(uri).map(|(scheme, _)| scheme);
        let could_be = |pattern: &str| match (scheme, split_scheme(pattern)) {
            (Some(scheme), Some((other, _))) => scheme.eq_ignore_ascii_case(other),
            _ => true,
        };
        let mut rules = self.resources.iter();
        let has_all = rules.all(|(pattern, gate)| !could_be(pattern) || gate.admits(principal));
        if has_all { catch_all } else { &self.not_normal }
    }

    fn is_read_only(&self, operation: &Operation<'_>) -> bool {
        self.read_only.is_some() && operation.kind == Some(ListedKind::Tool)
    }

    fn read_only(&self, operation: &Operation<'_>) -> Decision {
        let (Some(catalog), true) = (&self.read_only, self.is_read_only(operation)) else {
            return Decision::Allow;
        };
        let known = operation.target.and_then(|tool| catalog.hints(tool));
        match known.and_then(|hints| hints.read_only) {
            Some(true) => Decision::Allow,
            _ => Decision::deny("read-only mode"),
        }
    }
}

impl Policy for Rules {
    fn evaluate(&self, operation: Operation<'_>, principal: &Arc<Principal>) -> Evaluation {
        self.decision(operation, principal).into()
    }

    fn hides(&self, kind: Option<ListedKind>, principal: &Principal) -> bool {
        let hides = |gate: &Gate| gate.hides_from(principal);
        let Some(kind) = kind else {
            return hides(&self.unknown) || self.others.values().any(hides);
        };
        let Some(table) = self.table(kind) else {
            return false;
        };
        let named = matches!(kind, ListedKind::Tool | ListedKind::Prompt);
        let by_default = match table.catch_all() {
            Some(_) if named => false,
            // Uris in other spellings need the access of all rules.
            Some(_) => table.iter().any(|(_, gate)| !gate.admits(principal)),
            None => !named || hides(&self.otherwise),
        };
        by_default || table.iter().any(|(_, gate)| hides(gate))
    }

    fn allows_all(&self, kind: ListedKind, principal: &Principal) -> bool {
        let Some(table) = self.table(kind) else {
            return false;
        };
        let mut gates = table
            .iter()
            .map(|(_, gate)| gate)
            .chain(self.methods.values());
        self.read_only.is_none()
            && table.catch_all().is_some()
            && gates.all(|gate| gate.admits(principal))
    }

    /// A name with a rule of its own exists.
    fn knows(&self, kind: ListedKind, name: &str) -> bool {
        // A template, whose text is no name, can have the rule of a uri.
        let is_named = !matches!(kind, ListedKind::ResourceTemplate | ListedKind::Skill);
        let table = self.table(kind).filter(|_| is_named);
        table.is_some_and(|table| table.exact(name).is_some())
    }
}

/// Known methods without a target that servers answer.
fn is_served(method: Method<'_>) -> bool {
    method.is_list() || matches!(method, Method::SetLevel | Method::Listen)
}
