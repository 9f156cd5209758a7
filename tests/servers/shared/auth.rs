//! Authentication and authorization: three API keys, and JSON web tokens where a key set is given.
//!
//! | key | principal | scopes |
//! |---|---|---|
//! | `key-a` | `a` | `tools` |
//! | `key-b` | `b` | `tools` |
//! | `key-root` | `root` | `tools`, `admin` |
//!
//! Every tool named `admin_*` needs `admin` and is hidden without it; all else needs `tools`. Over
//! standard input the caller is `local` and has every scope.

use std::{error::Error, fs, net::SocketAddr, sync::OnceLock};

use axum::{Router, http::StatusCode, routing::any};
use mcp_layers::{
    Authentication, McpRequest, Principal,
    authenticate::{
        ApiKeys, AuthenticateLayer, CachedVerifier, FirstOf, JwtVerifier, KeySet, Keys,
        RemoteKeySet, ResourceMetadata,
    },
    authorize::{Access, AuthorizeHttpLayer, AuthorizeLayer, Rules, SignedIds},
    http::Challenge,
    redis::{RedisRevocable, RedisRevocations},
    rmcp::RmcpRequest,
    util::LocalPrincipalLayer,
};
use tower::{ServiceBuilder, util::MapRequestLayer};

use super::{
    layers::{PutAround, put},
    rate_limit,
    settings::{Flag, Settings},
};

pub(super) const NAME: &str = "auth";
pub(super) const FLAGS: &[Flag] = &[JWKS, ISSUER, AUDIENCE, SIGNING_KEY, SESSIONS];

const JWKS: Flag = Flag {
    name: "--jwks",
    value: "FILE-OR-URL",
    help: "auth: accept JSON web tokens signed with these keys",
};
const ISSUER: Flag = Flag {
    name: "--issuer",
    value: "ISSUER",
    help: "auth: the `iss` that they must have",
};
const AUDIENCE: Flag = Flag {
    name: "--audience",
    value: "AUDIENCE",
    help: "auth: the `aud` that they must have",
};

const SIGNING_KEY: Flag = Flag {
    name: "--signing-key",
    value: "FILE",
    help: "auth: sign ids with this key; each further one is accepted too",
};
/// The folder of the sessions that replicas share.
pub(crate) const SESSIONS: Flag = Flag {
    name: "--sessions",
    value: "FOLDER",
    help: "auth: keep legacy sessions in this folder, which replicas share",
};

const TOOLS: &str = "tools";
const ADMIN: &str = "admin";

/// Says who is calling over standard input.
pub(super) fn local(_: &Settings) -> Result<PutAround, Box<dyn Error>> {
    let local = Principal::new("local", Authentication::Local).with_scopes([TOOLS, ADMIN]);
    put(LocalPrincipalLayer::new(local))
}

/// Decides at every MCP request.
pub(super) fn authorize(settings: &Settings) -> Result<PutAround, Box<dyn Error>> {
    with_principal(policy(settings)?.clone())
}

/// Puts the layer into the stack, and inside of it one that shows the handler who is calling.
pub(super) fn with_principal(authorize: AuthorizeLayer) -> Result<PutAround, Box<dyn Error>> {
    let show_principal = MapRequestLayer::new(|mut request: RmcpRequest| {
        if let Some(principal) = request.context().principal().cloned() {
            request.insert_extension(principal);
        }
        request
    });
    let layers = ServiceBuilder::new().layer(authorize);
    put(layers.layer(show_principal).into_inner())
}

/// The layers outside the transport, if they are chosen: they authenticate, and refuse with a challenge.
pub(crate) enum Edge<'a> {
    Flags(&'a Settings),
    Config(AuthenticateLayer, AuthorizeHttpLayer),
}

impl<'a> Edge<'a> {
    /// The edge of layers that are made already.
    pub(crate) fn of(settings: Option<&'a Settings>) -> Option<Self> {
        let settings = settings?;
        let flags = settings.has_layer(NAME).then_some(Self::Flags(settings));
        settings
            .take_edge()
            .map_or(flags, |(authenticate, authorize)| {
                Some(Self::Config(authenticate, authorize))
            })
    }

    /// Puts it around the routes of a server that listens at this address.
    pub(crate) fn around(self, router: Router, at: SocketAddr) -> Result<Router, Box<dyn Error>> {
        let (authenticate, authorize) = match self {
            Self::Flags(settings) => by_flags(settings, at)?,
            Self::Config(authenticate, authorize) => (authenticate, authorize),
        };
        // The metadata is served by the layer, which sees the requests of routes alone.
        let nothing = || async { StatusCode::NOT_FOUND };
        let well_known = "/.well-known/oauth-protected-resource";
        Ok(router
            .route(well_known, any(nothing))
            .route(&format!("{well_known}/mcp"), any(nothing))
            .layer(ServiceBuilder::new().layer(authenticate).layer(authorize)))
    }
}

fn by_flags(
    settings: &Settings,
    at: SocketAddr,
) -> Result<(AuthenticateLayer, AuthorizeHttpLayer), Box<dyn Error>> {
    let mut metadata =
        ResourceMetadata::new(format!("http://{at}/mcp"))?.scopes_supported([TOOLS, ADMIN])?;
    if let Some(issuer) = settings.get(&ISSUER)
        && let Ok(known) = metadata.clone().authorization_server(issuer)
    {
        metadata = known;
    }
    let challenge = Challenge::new().with_resource_metadata(metadata.url())?;
    let verifier = CachedVerifier::new(verifier(settings)?);
    let authenticate = match rate_limit::redis(settings)? {
        Some(redis) => {
            let revocations = RedisRevocations::new(redis);
            AuthenticateLayer::new(RedisRevocable::new(verifier, revocations))
        }
        None => AuthenticateLayer::new(verifier),
    };
    let authenticate = authenticate.challenge_scopes([TOOLS])?.metadata(metadata);
    let authorize = AuthorizeHttpLayer::new(policy(settings)?).challenge(challenge);
    Ok((authenticate, authorize))
}

fn verifier(settings: &Settings) -> Result<FirstOf, Box<dyn Error>> {
    let key = |name| Principal::new(name, Authentication::ApiKey);
    let keys = ApiKeys::new()
        .with_key("key-a", key("a").with_scopes([TOOLS]))?
        .with_key("key-b", key("b").with_scopes([TOOLS]))?
        .with_key("key-root", key("root").with_scopes([TOOLS, ADMIN]))?;
    let verifier = FirstOf::new().with("keys", keys)?;
    let given = [&JWKS, &ISSUER, &AUDIENCE].map(|flag| settings.get(flag));
    match given {
        [None, None, None] => Ok(verifier),
        [Some(jwks), Some(issuer), Some(audience)] => {
            let tokens = JwtVerifier::new(issuer, audience, key_set(jwks)?)?;
            Ok(verifier.with("tokens", tokens)?)
        }
        _ => Err("--jwks, --issuer and --audience belong together".into()),
    }
}

fn key_set(at: &str) -> Result<Keys, Box<dyn Error>> {
    if at.contains("://") {
        return Ok(RemoteKeySet::new(at)?.into());
    }
    let text = fs::read_to_string(at).map_err(|error| format!("{at}: {error}"))?;
    Ok(KeySet::from_jwks(&text)?.into())
}

/// The ids that replicas sign for each other, if there is a key.
pub(crate) fn signed_ids(settings: &Settings) -> Result<Option<SignedIds>, Box<dyn Error>> {
    let files = settings.all(&SIGNING_KEY);
    let read = |file: &String| fs::read(file).map_err(|error| format!("{file}: {error}"));
    let keys = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let ids = (!keys.is_empty()).then(|| SignedIds::new(keys));
    Ok(ids.transpose()?)
}

/// The one policy of this process, which the edge and the MCP layer share.
fn policy(settings: &Settings) -> Result<&'static AuthorizeLayer, Box<dyn Error>> {
    static POLICY: OnceLock<AuthorizeLayer> = OnceLock::new();
    if let Some(policy) = POLICY.get() {
        return Ok(policy);
    }
    let rules = Rules::builder()
        .tool("*", Access::scopes([TOOLS]))
        .tool("admin_*", Access::scopes([ADMIN]).hidden())
        .resource("*", Access::scopes([TOOLS]))
        .prompt("*", Access::scopes([TOOLS]))
        .implies(ADMIN, TOOLS)
        .build()?;
    let mut layer = AuthorizeLayer::new(rules);
    if let Some(ids) = signed_ids(settings)? {
        layer = layer.signed_ids(&ids);
    }
    Ok(POLICY.get_or_init(|| layer))
}
