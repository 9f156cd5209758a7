use std::{borrow::Cow, sync::Arc};

/// The decision of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The principal has access.
    Allow,
    /// The principal has no access, and the answer says why.
    Deny(Box<Denial>),
    /// The principal has no access, and gets the answer to a name that the policy allows and the server
    /// does not know. A policy that denies unknown names denies hidden ones alike ([`Denial::hidden`]).
    Hide(Cow<'static, str>),
}

impl Decision {
    /// A denial that no scope would change.
    pub fn deny(rule: impl Into<Cow<'static, str>>) -> Self {
        Denial::new(rule).into()
    }

    /// A denial that looks like an unknown name.
    pub fn hide(rule: impl Into<Cow<'static, str>>) -> Self {
        Self::Hide(rule.into())
    }

    /// True if the principal has access.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }

    /// Combines two decisions about one request: denied outranks hidden, because an unknown name would
    /// be denied too; hidden outranks allowed. The scopes of two denials are joined.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Allow, decision) | (decision, Self::Allow) => decision,
            (hidden @ Self::Hide(_), Self::Hide(_)) => hidden,
            (Self::Deny(denial), Self::Hide(_)) | (Self::Hide(_), Self::Deny(denial)) => {
                denial.hidden().into()
            }
            (Self::Deny(mut one), Self::Deny(other)) => {
                one.join(*other);
                Self::Deny(one)
            }
        }
    }
}

impl From<Denial> for Decision {
    fn from(denial: Denial) -> Self {
        Self::Deny(Box::new(denial))
    }
}

/// The reason for a denial: the rule and the scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub(crate) rule: Cow<'static, str>,
    required: Vec<Arc<str>>,
    missing: Vec<Arc<str>>,
    pub(crate) is_hidden: bool,
}

impl Denial {
    /// A denial by this rule.
    pub fn new(rule: impl Into<Cow<'static, str>>) -> Self {
        Self {
            rule: rule.into(),
            required: Vec::new(),
            missing: Vec::new(),
            is_hidden: false,
        }
    }

    /// Sets every scope that the operation needs, including those that the principal has.
    #[must_use]
    pub fn with_required_scopes<T: Into<Arc<str>>>(
        mut self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Self {
        self.required = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets every scope that the principal lacks.
    #[must_use]
    pub fn with_missing_scopes<T: Into<Arc<str>>>(
        mut self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Self {
        self.missing = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Marks the target as hidden, by a denial that unknown names get as well: the target is never
    /// listed, and the transport does not find it.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }

    /// The rule that decided.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Every scope that the operation needs.
    pub fn required_scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.required.iter().map(AsRef::as_ref)
    }

    /// Every scope that the principal lacks.
    pub fn missing_scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.missing.iter().map(AsRef::as_ref)
    }

    /// The denial of unknown names as that of a name which this rule hides.
    pub(super) fn by_hidden(mut self, rule: Cow<'static, str>) -> Self {
        self.rule = rule;
        self.hidden()
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.is_hidden |= other.is_hidden;
        for (mine, theirs) in [
            (&mut self.required, other.required),
            (&mut self.missing, other.missing),
        ] {
            for scope in theirs {
                if !mine.contains(&scope) {
                    mine.push(scope);
                }
            }
        }
    }
}
