//! What takes one kind of thing out of a text.

use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use mcp_layers_core::ConfigError;
use regex::{Regex, RegexBuilder};

mod address;
mod assignment;
mod pattern;
mod stack_trace;

pub(crate) use assignment::is_sensitive_key;

/// What stands where a redactor of one's own has panicked: none of the text.
const FAILED: &str = "[redacted]";

/// Takes one kind of thing out of texts, and puts a word in brackets there: `[secret]`, `[key]`,
/// `[token]`, `[path]`, `[address]`, `[stack trace]`, `[email]`.
///
/// The time of each is linear in the length of the text. They look for known forms; a secret without
/// a form, such as a password in the middle of a sentence, is not found. Cloning is cheap.
#[derive(Clone)]
pub struct Redactor {
    name: Cow<'static, str>,
    rule: Rule,
}

type Apply = dyn Fn(&str) -> Option<String> + Send + Sync;

#[derive(Clone)]
enum Rule {
    BuiltIn(fn(&str) -> Option<String>),
    Pattern(Arc<(Regex, String)>),
    Custom(Arc<Apply>),
}

impl Redactor {
    /// Values that stand beside a name that says so (`password=…`, `"api_key": "…"`,
    /// `Authorization: …`, `Cookie: …`), and the user and password of a URL.
    #[must_use]
    pub fn secrets() -> Self {
        Self::built_in("secrets", |text| {
            chain(text, &[assignment::redact, pattern::userinfo])
        })
    }

    /// Private keys in PEM, and identifiers of access keys (AWS, Google).
    #[must_use]
    pub fn keys() -> Self {
        Self::built_in("keys", pattern::keys)
    }

    /// Tokens that are known by their form: JWT, those of GitHub, GitLab, Slack, Stripe, OpenAI,
    /// Anthropic, npm, PyPI, Hugging Face, `SendGrid`, Vault and others; what follows `Bearer` or
    /// `Basic`.
    #[must_use]
    pub fn tokens() -> Self {
        Self::built_in("tokens", |text| {
            chain(text, &[pattern::schemes, pattern::tokens])
        })
    }

    /// Absolute paths of at least two parts, those below `~`, those of Windows, and places in
    /// source files (`db.rs:10`). Not the paths of URLs.
    #[must_use]
    pub fn paths() -> Self {
        Self::built_in("paths", pattern::paths)
    }

    /// IPv4 and IPv6 addresses with their ports, MAC addresses, `localhost`, and host names of
    /// private networks (`.internal`, `.local`, `.svc`, `.lan`, …).
    #[must_use]
    pub fn addresses() -> Self {
        Self::built_in("addresses", address::redact)
    }

    /// The frames of stack traces (Rust, Python, Java, JavaScript, Go, Ruby, .NET, C++). What the
    /// error itself said stays.
    #[must_use]
    pub fn stack_traces() -> Self {
        Self::built_in("stack traces", stack_trace::redact)
    }

    /// Addresses of electronic mail.
    #[must_use]
    pub fn emails() -> Self {
        Self::built_in("emails", pattern::emails)
    }

    /// Whatever the regular expression matches, in the syntax of the crate `regex`, becomes
    /// `[name]`.
    ///
    /// # Errors
    /// When the pattern is none, matches the empty text or its own replacement, or is too large
    /// (1 MiB compiled).
    pub fn pattern(name: &str, pattern: &str) -> Result<Self, ConfigError> {
        let problem = |what: &dyn fmt::Display| {
            ConfigError::new(format!("pattern {pattern:?} of redactor {name:?}: {what}"))
        };
        let compiled = RegexBuilder::new(pattern).size_limit(1 << 20).build();
        let compiled = compiled.map_err(|error| problem(&error))?;
        let replacement = format!("[{name}]");
        if compiled.is_match("") || compiled.is_match(&replacement) {
            return Err(problem(
                &"it matches the empty text or its own replacement; make it stricter",
            ));
        }
        Ok(Self {
            name: name.to_owned().into(),
            rule: Rule::Pattern(Arc::new((compiled, replacement))),
        })
    }

    /// Code of one's own: it returns the redacted text, or `None` where there is nothing to do.
    /// Where it panics, the whole text becomes `[redacted]`. It is asked again about what it
    /// returned, at most three times, and should then have nothing to do.
    pub fn custom(
        name: impl Into<Cow<'static, str>>,
        redact: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            rule: Rule::Custom(Arc::new(redact)),
        }
    }

    fn built_in(name: &'static str, rule: fn(&str) -> Option<String>) -> Self {
        Self {
            name: name.into(),
            rule: Rule::BuiltIn(rule),
        }
    }

    /// Whether values under telling keys of JSON are its business too.
    pub(crate) fn is_secrets(&self) -> bool {
        matches!(self.rule, Rule::BuiltIn(_)) && self.name == "secrets"
    }

    /// The text without what this redactor takes out; `None` when that is nothing.
    #[must_use]
    pub fn redact(&self, text: &str) -> Option<String> {
        let redacted = match &self.rule {
            Rule::BuiltIn(rule) => rule(text),
            Rule::Pattern(pattern) => {
                let (pattern, replacement) = &**pattern;
                changed(pattern.replace_all(text, regex::NoExpand(replacement)))
            }
            Rule::Custom(rule) => catch_unwind(AssertUnwindSafe(|| rule(text)))
                .unwrap_or_else(|_| Some(FAILED.to_owned())),
        };
        redacted.filter(|redacted| redacted != text)
    }
}

fn changed(text: Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text),
    }
}

/// One rule after the other.
fn chain(text: &str, rules: &[fn(&str) -> Option<String>]) -> Option<String> {
    let mut redacted = None;
    for rule in rules {
        let text = redacted.as_deref().unwrap_or(text);
        if let Some(more) = rule(text) {
            redacted = Some(more);
        }
    }
    redacted
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redactor").field(&self.name).finish()
    }
}
