//! Sessions whose ids are signed, at two replicas with one store of sessions behind them.
#![cfg(all(feature = "http", feature = "signed"))]
#![allow(clippy::unwrap_used)]

mod support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use mcp_layers_authorize::{AuthorizeHandle, AuthorizeHttpLayer, IdKind, SignedIds};
use mcp_layers_core::{BoxError, Clock, Event, Principal, Trail};
use mcp_layers_test::MockService;
use serde_json::json;
use support::{ada, bob, layer};
use tower::{Layer, ServiceExt, service_fn};

const SESSION: &str = "mcp-session-id";

/// The edge of one process; a new value is that process after a restart.
struct Replica {
    edge: AuthorizeHttpLayer,
    handle: AuthorizeHandle,
}

struct Answer {
    status: StatusCode,
    session: Option<String>,
    body: Bytes,
    rule: Option<String>,
}

impl Replica {
    fn new(ids: &SignedIds) -> Self {
        let layer = layer().signed_ids(ids);
        let _in_the_stack = layer.layer(MockService::new());
        Self {
            edge: AuthorizeHttpLayer::new(&layer),
            handle: layer.handle(),
        }
    }

    /// The transport of every replica opens the session `opened`, and has it when it is asked for.
    async fn send(&self, principal: &Principal, method: Method, session: Option<&str>) -> Answer {
        let transport = service_fn(|request: Request<Full<Bytes>>| async move {
            let mut response = Response::new(Full::from("the transport"));
            match request.headers().get(SESSION) {
                None => {
                    let opened = "opened".parse().unwrap();
                    response.headers_mut().insert(SESSION, opened);
                }
                Some(id) if id == "opened" => {}
                Some(_) => {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                    *response.body_mut() = Full::from("Not Found: Session not found");
                }
            }
            Ok::<_, BoxError>(response)
        });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
        let mut request = Request::builder().method(method).uri("/mcp");
        if let Some(session) = session {
            request = request.header(SESSION, session);
        }
        let mut request = request
            .body(Full::<Bytes>::from(message.to_string()))
            .unwrap();
        request.extensions_mut().insert(Arc::new(principal.clone()));
        let response = self.edge.layer(transport).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let trail = parts.extensions.get::<Trail>();
        let rule = trail.and_then(|trail| {
            trail.events().find_map(|event| match event {
                Event::Denied { rule } => Some(rule.to_string()),
                _ => None,
            })
        });
        let session = parts.headers.get(SESSION);
        Answer {
            status: parts.status,
            session: session.map(|session| session.to_str().unwrap().to_owned()),
            body: body.collect().await.unwrap().to_bytes(),
            rule,
        }
    }

    async fn open(&self, principal: &Principal) -> String {
        let opened = self.send(principal, Method::POST, None).await;
        opened.session.unwrap()
    }
}

fn ids() -> SignedIds {
    SignedIds::new([[7; 32]]).unwrap()
}

#[tokio::test]
async fn a_session_is_its_owners_at_every_replica() {
    let (one, other) = (Replica::new(&ids()), Replica::new(&ids()));
    let session = one.open(&ada()).await;
    assert!(session.starts_with("sig1."), "{session}");
    for replica in [&one, &other, &Replica::new(&ids())] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let unknown = replica.send(&bob(), method.clone(), Some("nope")).await;
            let foreign = replica.send(&bob(), method.clone(), Some(&session)).await;
            assert_eq!(foreign.status, StatusCode::NOT_FOUND);
            assert_eq!(
                (foreign.status, &foreign.body),
                (unknown.status, &unknown.body)
            );
            assert_eq!(
                foreign.rule.as_deref(),
                Some("session of another principal")
            );
            // Nor by the id that the transport has for it.
            let foreign = replica.send(&bob(), method.clone(), Some("opened")).await;
            assert_eq!(
                (foreign.status, &foreign.body),
                (unknown.status, &unknown.body)
            );

            let own = replica.send(&ada(), method, Some(&session)).await;
            assert_eq!(own.status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn the_layer_in_the_stack_knows_the_owner_too() {
    let (one, other) = (Replica::new(&ids()), Replica::new(&ids()));
    let session = one.open(&ada()).await;
    other.send(&bob(), Method::POST, Some(&session)).await;
    assert!(other.handle.sessions().is_empty());
    other.send(&ada(), Method::POST, Some(&session)).await;
    assert!(other.handle.sessions().is_own("opened", &ada()));
    assert!(!other.handle.sessions().is_own("opened", &bob()));
    other.send(&ada(), Method::DELETE, Some(&session)).await;
    assert!(other.handle.sessions().is_empty());
}

#[tokio::test]
async fn a_session_whose_id_is_forged_or_has_expired_is_an_unknown_one() {
    let clock = Clock::manual();
    let replica = Replica::new(&ids().with_clock(clock.clone()));
    let session = replica.open(&ada()).await;
    let of_a_task = ids().issue(IdKind::Task, &ada(), "opened");
    let not_a_header = ids().issue(IdKind::Session, &ada(), "a\nb");
    let other_key = SignedIds::new([[8; 32]]).unwrap();
    let other_key = other_key.issue(IdKind::Session, &ada(), "opened");
    for forged in [
        &session[..session.len() - 1],
        &of_a_task,
        &not_a_header,
        &other_key,
    ] {
        let answer = replica.send(&ada(), Method::POST, Some(forged)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{forged}");
        assert_eq!(answer.rule.as_deref(), Some("session without an owner"));
    }
    clock.advance(SignedIds::DEFAULT_TIME_TO_LIVE - Duration::from_secs(2));
    let answer = replica.send(&ada(), Method::POST, Some(&session)).await;
    assert_eq!(answer.status, StatusCode::OK);
    clock.advance(Duration::from_secs(2));
    let answer = replica.send(&ada(), Method::POST, Some(&session)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.rule.as_deref(), Some("session without an owner"));
}
