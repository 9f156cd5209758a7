//! What the services of an edge share, and the sessions that they keep.

use std::sync::Arc;

use http::{Response, StatusCode};
use mcp_layers_core::{Principal, http::Challenge};

use crate::{settings::Settings, state::State};

pub(super) const SESSION: &str = "mcp-session-id";

/// The policy, state and settings of an edge.
pub(super) struct Edge<P> {
    pub(super) state: Arc<State<P>>,
    pub(super) settings: Settings,
    pub(super) max_body: usize,
    pub(super) challenge: Challenge,
}

impl<P> Clone for Edge<P> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            settings: self.settings,
            max_body: self.max_body,
            challenge: self.challenge.clone(),
        }
    }
}

/// The meaning of the response for sessions.
pub(super) enum Session {
    /// A session that it names belongs to the principal.
    Opens(Arc<Principal>),
    /// If it is 404, the session is over.
    Continues(Box<str>),
    /// If it is a success or 404, the session is over.
    Ends(Box<str>),
}

impl<P> Edge<P> {
    /// Binds or releases the session that a response opens or ends.
    pub(super) fn keep_session<R>(&self, session: &Session, response: &Response<R>) {
        let sessions = &self.state.sessions;
        let status = response.status();
        match session {
            Session::Opens(principal) => {
                let opened = response.headers().get(SESSION);
                if let Some(opened) = opened.and_then(|opened| opened.to_str().ok()) {
                    sessions.bind(opened, principal);
                }
            }
            Session::Ends(session) if status.is_success() => sessions.release(session),
            Session::Continues(session) | Session::Ends(session) => {
                if status == StatusCode::NOT_FOUND {
                    sessions.release(session);
                }
            }
        }
    }
}
