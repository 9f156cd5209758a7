//! The redactor: a set of rules that are applied to texts, JSON and error messages.

use std::{borrow::Cow, fmt, sync::Arc};

use regex::{NoExpand, RegexBuilder};
use serde_json::Value;

use crate::{
    assignment,
    json::Json,
    place,
    sanitize::{self, Lines},
    stack_trace, token, url,
};

/// Replaces secrets in texts and JSON by a label in brackets: `[secret]`, `[key]`, `[token]`.
///
/// The time that it takes is linear in the length of the text, for every text. Redacting a redacted
/// text changes nothing. A secret without a known form and without a name beside it is not found.
///
/// ```
/// use mcp_layers_redact::Redactor;
///
/// let redactor = Redactor::credentials();
/// let text = "connect to postgres://app:hunter2@db failed, api_key=abc";
/// assert_eq!(redactor.redact(text), "connect to postgres://[secret]@db failed, api_key=[secret]");
/// ```
#[derive(Clone)]
pub struct Redactor {
    rules: Arc<[Rule]>,
    label: Option<Arc<str>>,
}

type Apply = dyn Fn(&str) -> Option<String> + Send + Sync;

#[derive(Clone)]
enum Rule {
    Credentials,
    Named(Cow<'static, str>, Arc<Apply>),
}

/// The largest number of times that the rules are applied to one text: the label of one rule can be
/// part of what another looks for.
const ROUNDS: usize = 4;

/// The number of bytes behind a cut that are looked at, so that a secret on the cut is found.
const MARGIN: usize = 512;

/// A pattern that a redactor does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPattern(String);

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidPattern {}

impl Redactor {
    /// A redactor without rules, to which some are added.
    #[must_use]
    pub fn none() -> Self {
        Self {
            rules: Arc::default(),
            label: None,
        }
    }

    /// Credentials, the default: values beside the name of a secret (`password=…`, `"api_key":
    /// "…"`, `--token …`, `Authorization: …`), users and passwords in URLs, private keys in PEM,
    /// and keys and tokens that are known by their form (JWT, AWS, Google, GitHub, GitLab, Slack,
    /// Stripe, OpenAI, Anthropic, npm, Vault and others).
    #[must_use]
    pub fn credentials() -> Self {
        Self::none().rule(Rule::Credentials)
    }

    /// Credentials, [stack traces](Self::stack_traces), [addresses](Self::addresses) and
    /// [paths](Self::paths).
    #[must_use]
    pub fn internals() -> Self {
        Self::credentials().stack_traces().addresses().paths()
    }

    /// Also replaces absolute paths of at least two parts, those below `~`, those of Windows, and
    /// lines of source files (`db.rs:10`) by `[path]`. The paths of URLs stay.
    #[must_use]
    pub fn paths(self) -> Self {
        self.custom("paths", place::paths)
    }

    /// Also replaces IPv4, IPv6 and MAC addresses, `localhost` and the names of private hosts
    /// (`.internal`, `.local`, `.svc`, `.lan`, …), with their ports, by `[address]`.
    #[must_use]
    pub fn addresses(self) -> Self {
        self.custom("addresses", place::addresses)
    }

    /// Also replaces the frames of stack traces (Rust, Python, Java, JavaScript, Go, Ruby, .NET,
    /// C++) by `[stack trace]`. The error's own message stays.
    #[must_use]
    pub fn stack_traces(self) -> Self {
        self.custom("stack traces", stack_trace::redact)
    }

    /// Also replaces e-mail addresses by `[email]`.
    #[must_use]
    pub fn emails(self) -> Self {
        self.custom("emails", place::emails)
    }

    /// Also replaces words of at least 32 letters and digits that contain both by `[random]`.
    /// Digests and UUIDs without hyphens go too.
    #[must_use]
    pub fn random_words(self) -> Self {
        self.custom("random words", place::random_words)
    }

    /// Also replaces each match of a regular expression, in the syntax of the crate `regex`, by
    /// `[name]`.
    ///
    /// # Errors
    /// When the expression is invalid, matches the empty text or its own replacement, or is larger
    /// than 1 MiB when compiled.
    pub fn pattern(self, name: &str, pattern: &str) -> Result<Self, InvalidPattern> {
        let invalid = |problem: &dyn fmt::Display| {
            InvalidPattern(format!(
                "pattern {pattern:?} of redactor {name:?}: {problem}"
            ))
        };
        let compiled = RegexBuilder::new(pattern).size_limit(1 << 20).build();
        let compiled = compiled.map_err(|error| invalid(&error))?;
        let replacement = format!("[{name}]");
        if compiled.is_match("") || compiled.is_match(&replacement) {
            return Err(invalid(
                &"it matches the empty text or its own replacement; make it stricter",
            ));
        }
        let redact = move |text: &str| match compiled.replace_all(text, NoExpand(&replacement)) {
            Cow::Borrowed(_) => None,
            Cow::Owned(new) => Some(new),
        };
        Ok(self.custom(name.to_owned(), redact))
    }

    /// Also applies a function: it returns the redacted text, or `None` where there is nothing to
    /// do. It is called again with what it returned, at most three times, and should then return
    /// `None`.
    #[must_use]
    pub fn custom(
        self,
        name: impl Into<Cow<'static, str>>,
        redact: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.rule(Rule::Named(name.into(), Arc::new(redact)))
    }

    /// Sets one label for all credentials, instead of `[secret]`, `[key]` and `[token]`. Other
    /// rules keep theirs.
    #[must_use]
    pub fn label(mut self, label: impl Into<Box<str>>) -> Self {
        self.label = Some(Arc::from(label.into()));
        self
    }

    /// Returns whether there are no rules.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns the text without what the rules find. Text that is JSON stays JSON, with the types
    /// of its values.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redacted(text) {
            Some(redacted) => Cow::Owned(redacted),
            None => Cow::Borrowed(text),
        }
    }

    /// Returns at most `max` bytes of the text, redacted, with `…` at the end where it was cut.
    /// Only as much of the text is looked at as is needed for that.
    #[must_use]
    pub fn redact_cut<'a>(&self, text: &'a str, max: usize) -> Cow<'a, str> {
        if text.len() <= max.saturating_add(MARGIN) {
            return match self.redact(text) {
                redacted if redacted.len() > max => {
                    Cow::Owned(sanitize::cut(&redacted, max).into_owned())
                }
                redacted => redacted,
            };
        }
        let head = sanitize::floor(text, max + MARGIN);
        let redacted = self.redact(head);
        // What stands in the margin may be half a secret.
        let kept = sanitize::floor(&redacted, redacted.len().saturating_sub(MARGIN).min(max));
        Cow::Owned(sanitize::cut(&format!("{kept}…"), max).into_owned())
    }

    /// Redacts the texts of a JSON value and the values under the names of secrets, in place;
    /// returns whether there were any. Values keep their types: a secret text becomes the label, a
    /// secret number 0.
    pub fn redact_json(&self, value: &mut Value) -> bool {
        self.json(&|text| self.redacted(text), |json| json.value(value))
    }

    fn json<T>(
        &self,
        text: &dyn Fn(&str) -> Option<String>,
        run: impl FnOnce(&Json<'_>) -> T,
    ) -> T {
        let names = self
            .rules
            .iter()
            .any(|rule| matches!(rule, Rule::Credentials));
        run(&Json {
            text,
            label: names.then(|| self.secret()),
        })
    }

    fn redacted(&self, text: &str) -> Option<String> {
        if self.is_none() {
            return None;
        }
        if let Some(json) = self.json(&|text| self.redacted(text), |json| json.source(text)) {
            return json;
        }
        let shown = self.rounds(text);
        let now = shown.as_deref().unwrap_or(text);
        // Characters that do not show can split a name: the text is looked at with them and
        // without.
        if sanitize::is_clean(now, Lines::Kept) {
            return shown;
        }
        let visible = sanitize::strip(now, Lines::Kept);
        self.rounds(&visible).or(shown)
    }

    fn rounds(&self, text: &str) -> Option<String> {
        let mut changed: Option<String> = None;
        for _ in 0..ROUNDS {
            let mut again = false;
            for rule in &*self.rules {
                let now = changed.as_deref().unwrap_or(text);
                if let Some(new) = self.apply(rule, now).filter(|new| new != now) {
                    changed = Some(new);
                    again = true;
                }
            }
            if !again {
                break;
            }
        }
        changed
    }

    fn apply(&self, rule: &Rule, text: &str) -> Option<String> {
        match rule {
            Rule::Named(_, rule) => rule(text),
            Rule::Credentials => {
                let label = |own| self.label.as_deref().unwrap_or(own);
                let mut changed = token::keys(text, label("[key]"));
                changed = assignment::redact(changed.as_deref().unwrap_or(text), self.secret())
                    .or(changed);
                changed =
                    url::userinfo(changed.as_deref().unwrap_or(text), self.secret()).or(changed);
                token::tokens(changed.as_deref().unwrap_or(text), label("[token]")).or(changed)
            }
        }
    }

    fn secret(&self) -> &str {
        self.label.as_deref().unwrap_or("[secret]")
    }

    fn rule(mut self, rule: Rule) -> Self {
        self.rules = self.rules.iter().cloned().chain([rule]).collect();
        self
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::credentials()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rules.iter().map(|rule| match rule {
            Rule::Credentials => "credentials",
            Rule::Named(name, _) => name,
        });
        f.debug_tuple("Redactor")
            .field(&names.collect::<Vec<_>>())
            .finish()
    }
}
