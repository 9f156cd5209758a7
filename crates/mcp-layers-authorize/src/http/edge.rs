//! The shared state of the services of an edge, and the sessions that it keeps.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderValue, StatusCode};
use mcp_layers_core::{Principal, http::Challenge, request::MODERN};

use super::answer::{Answer, record};
#[cfg(feature = "signed")]
use crate::signed::SignedIdError;
use crate::{bindings::Owned, settings::Settings, state::State};

const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";

/// The policy, state and settings of an edge.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) state: Arc<State>,
    pub(super) settings: Settings,
    pub(super) max_body: usize,
    pub(super) challenge: Challenge,
    /// True if the MCP layer answers denials with missing scopes too.
    pub(super) scopes_in_stack: bool,
}

/// The session of a request.
pub(super) enum Session {
    None,
    Own(Box<str>),
    /// Denied by this rule.
    Foreign(&'static str),
}

impl Edge {
    /// Reads the session of a request. A session that is not the principal's gets an id that the
    /// transport does not have, so that it is answered as any unknown one, in the transport's order
    /// and words. Like rmcp, the first of several ids counts, and one that is not text is none.
    pub(super) fn read_session(&self, headers: &mut HeaderMap, principal: &Principal) -> Session {
        let Some(header) = headers.remove(SESSION) else {
            return Session::None;
        };
        let id = match header.to_str() {
            Ok(id) if !is_modern(headers) => id,
            _ => return Session::None,
        };
        let (id, owned) = self.session_owner(id, principal);
        let rule = match (owned, HeaderValue::try_from(&*id)) {
            (Owned::Own, Ok(header)) => {
                headers.insert(SESSION, header);
                return Session::Own(id.into());
            }
            (Owned::Foreign, _) => "session of another principal",
            _ => "session without an owner",
        };
        let unknown = HeaderValue::try_from(self.state.unknown_session());
        headers.insert(SESSION, unknown.expect("hexadecimal digits are text"));
        Session::Foreign(rule)
    }

    /// The id of the transport for the session that a client names, and its relation to the principal.
    fn session_owner<'a>(&self, id: &'a str, principal: &Principal) -> (Cow<'a, str>, Owned) {
        let sessions = &self.state.sessions;
        #[cfg(feature = "signed")]
        match sessions.open(id, principal) {
            // Bound here too, for the layer in the stack, which sees the transport's id.
            Ok(opened) if sessions.bind(&opened, principal) => return (opened.into(), Owned::Own),
            Ok(_) | Err(SignedIdError::Foreign) => return (id.into(), Owned::Foreign),
            Err(SignedIdError::Unsigned) => {}
            Err(_) => return (id.into(), Owned::Unbound),
        }
        (id.into(), sessions.touch(id, principal))
    }

    /// Binds or releases the session that a response opens or ends, and records a denial.
    pub(super) fn keep_session<R>(
        &self,
        session: &Session,
        is_delete: bool,
        principal: &Principal,
        answer: &mut Answer<R>,
    ) {
        let sessions = &self.state.sessions;
        let opened = answer.headers().get(SESSION);
        let opened = opened.and_then(|opened| opened.to_str().ok());
        if let Some(opened) = opened
            && sessions.bind(opened, principal)
        {
            #[cfg(feature = "signed")]
            if let Some(signed) = sessions.issue(opened, principal) {
                let signed = HeaderValue::try_from(signed).expect("base64 is text");
                answer.headers_mut().insert(SESSION, signed);
            }
        }
        let status = answer.status();
        match session {
            Session::None => {}
            Session::Own(id) => {
                if status == StatusCode::NOT_FOUND || (is_delete && status.is_success()) {
                    sessions.release(id);
                }
            }
            // A transport without sessions answers the request itself.
            Session::Foreign(rule) => {
                if status.is_client_error() || is_delete {
                    self.state.count(|stats| stats.foreign += 1);
                    record(answer, rule);
                }
            }
        }
    }
}

fn is_modern(headers: &HeaderMap) -> bool {
    let version = headers.get(VERSION);
    let version = version.and_then(|version| version.to_str().ok());
    version.is_some_and(|version| version >= MODERN)
}
