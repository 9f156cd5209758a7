//! The shared state of the services of an edge, and the sessions that it keeps.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use mcp_layers_core::{Principal, http::Challenge, request::MODERN};

use super::answer::{Answer, record};
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
        let rule = match self.state.sessions.touch(id, principal) {
            Owned::Own => {
                let own = Session::Own(id.into());
                headers.insert(SESSION, header);
                return own;
            }
            Owned::Foreign => "session of another principal",
            Owned::Unbound => "session without an owner",
        };
        let unknown = HeaderValue::try_from(self.state.unknown_session());
        headers.insert(SESSION, unknown.expect("hexadecimal digits are text"));
        Session::Foreign(rule)
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
        if let Some(opened) = opened.and_then(|opened| opened.to_str().ok()) {
            sessions.bind(opened, principal);
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
