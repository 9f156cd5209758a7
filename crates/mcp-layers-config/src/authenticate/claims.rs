//! Settings about claims, which JSON web tokens and introspection have in common.

use serde::{Deserialize, Serialize};

use crate::value::TimeSpan;

/// The rules for the claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ClaimSettings {
    /// Further audiences that are accepted.
    pub or_audience: Vec<String>,
    /// Accepts an audience that differs by one trailing slash only.
    pub ignore_trailing_slash: bool,
    /// Takes the subject from `client_id` when a token has no `sub`.
    pub client_id_as_subject: bool,
    /// Treats claims that are `null` as absent.
    pub null_claims_as_absent: bool,
    /// The claim that contains the tenant; none by default.
    pub tenant_claim: Option<String>,
    /// The allowed difference between clocks.
    pub leeway: TimeSpan,
    /// The most scopes, roles and audiences each that a token may have.
    pub max_scopes: usize,
}

impl Default for ClaimSettings {
    fn default() -> Self {
        Self {
            or_audience: Vec::new(),
            ignore_trailing_slash: false,
            client_id_as_subject: false,
            null_claims_as_absent: false,
            tenant_claim: None,
            leeway: TimeSpan::from_secs(30),
            max_scopes: 256,
        }
    }
}

/// Applies the settings to a verifier of either kind.
macro_rules! with_claims {
    ($verifier:expr, $claims:expr, $path:expr) => {{
        let (mut verifier, claims) = ($verifier, $claims);
        for audience in &claims.or_audience {
            verifier = verifier.or_audience(audience.as_str());
        }
        if claims.ignore_trailing_slash {
            verifier = verifier.ignore_trailing_slash();
        }
        if claims.client_id_as_subject {
            verifier = verifier.client_id_as_subject();
        }
        if claims.null_claims_as_absent {
            verifier = verifier.null_claims_as_absent();
        }
        if let Some(claim) = &claims.tenant_claim {
            verifier = verifier.tenant_claim(claim.as_str());
        }
        let verifier = verifier.leeway(claims.leeway.get());
        let verifier = verifier.max_scopes(claims.max_scopes);
        verifier.map_err($crate::error::at(format!("{}.max_scopes", $path)))?
    }};
}
pub(super) use with_claims;
