//! Revoked tokens, credentials and principals: at two processes, around a cache, and while Redis is unavailable.
#![cfg(feature = "revocations")]
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use mcp_layers_authenticate::{ApiKeys, CachedVerifier, Credential, RefusalKind, Verified, Verify};
use mcp_layers_core::{Authentication, Principal};
use mcp_layers_redis::{RedisConnection, RedisRevocable, RedisRevocations, Revoked};
use support::{RedisServer, eventually, free_port};

const HOUR: Duration = Duration::from_secs(3_600);
const MAX_WAIT: Duration = Duration::from_millis(200);

fn principal(subject: &str) -> Principal {
    Principal::new(subject, Authentication::Bearer).with_issuer("https://as.example")
}

/// Accepts `TENANT SUBJECT TOKEN-ID`.
async fn verify(credential: Credential) -> Result<Verified, mcp_layers_authenticate::Refusal> {
    let mut words = credential.as_str().split(' ');
    let mut word = || words.next().unwrap().to_owned();
    let (tenant, subject, id) = (word(), word(), word());
    Ok(Verified::new(principal(&subject).with_tenant(tenant)).with_token_id(id))
}

fn revocations(address: &str) -> RedisRevocations {
    // Patient, so that a busy machine is not taken for a server that is away.
    let connection = RedisConnection::new(address).unwrap();
    RedisRevocations::new(connection.max_wait(Duration::from_secs(10)))
}

fn token(text: &str) -> Credential {
    Credential::bearer(text).unwrap()
}

/// The kind of a refusal; `None` if the token is accepted.
async fn refused(verifier: &impl Verify, text: &str) -> Option<RefusalKind> {
    let result = verifier.verify(&token(text)).await;
    result.err().map(|refusal| refusal.kind().clone())
}

async fn accepted(verifier: &impl Verify, texts: &[&str]) -> Vec<bool> {
    let mut accepted = Vec::new();
    for text in texts {
        match refused(verifier, text).await {
            None => accepted.push(true),
            Some(kind) => {
                assert_eq!(kind, RefusalKind::Invalid);
                accepted.push(false);
            }
        }
    }
    accepted
}

#[tokio::test]
async fn a_revocation_holds_in_every_process_and_for_nothing_else() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let address = server.address();
    let [one, other] = [0; 2].map(|_| RedisRevocable::new(verify, revocations(&address)));
    let tokens = ["t ada 1", "t ada 2", "u ada 3", "t bob 4"];
    assert_eq!(accepted(&one, &tokens).await, [true; 4]);

    let (ada, second) = (principal("ada").with_tenant("t"), token("t ada 2"));
    for (revoked, expected) in [
        (Revoked::TokenId("1"), [false, true, true, true]),
        (Revoked::Credential(&second), [true, false, true, true]),
        (Revoked::Principal(&ada), [false, false, true, true]),
    ] {
        let here = revocations(&address);
        here.revoke(revoked, HOUR).await.unwrap();
        for verifier in [&one, &other] {
            assert_eq!(accepted(verifier, &tokens).await, expected, "{revoked:?}");
        }
        here.lift(revoked).await.unwrap();
        assert_eq!(accepted(&other, &tokens).await, [true; 4], "{revoked:?}");
    }
}

#[tokio::test]
async fn a_cached_credential_is_revoked_at_once() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let revocations = revocations(&server.address());
    let keys = ApiKeys::new().with_key("key-1", principal("ada")).unwrap();
    let cached = CachedVerifier::new(keys.clone());
    let outside = RedisRevocable::new(cached, revocations.clone());
    let inside = CachedVerifier::new(RedisRevocable::new(keys, revocations.clone()));
    assert_eq!(accepted(&outside, &["key-1"; 2]).await, [true; 2]);
    assert_eq!(accepted(&inside, &["key-1"]).await, [true]);
    let key = token("key-1");
    revocations
        .revoke(Revoked::Credential(&key), HOUR)
        .await
        .unwrap();
    assert_eq!(accepted(&outside, &["key-1"]).await, [false]);
    // The wrong order: until the entry of the cache is too old.
    assert_eq!(accepted(&inside, &["key-1"]).await, [true]);
    // A refusal is not kept either.
    revocations.lift(Revoked::Credential(&key)).await.unwrap();
    assert_eq!(accepted(&outside, &["key-1"]).await, [true]);
}

#[tokio::test]
async fn a_revocation_ends_with_its_time() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let revocations = revocations(&server.address());
    let verifier = RedisRevocable::new(verify, revocations.clone());
    revocations
        .revoke(Revoked::TokenId("1"), HOUR)
        .await
        .unwrap();
    let key = server.command(&["KEYS", "*"]);
    let key = key.lines().last().unwrap();
    let left: u64 = server.command(&["PTTL", key])[1..].parse().unwrap();
    assert!((3_000_000..=3_600_000).contains(&left), "{left}");
    // No time at all is as short as it can be; the longest is one that Redis takes.
    for time in [Duration::ZERO, Duration::MAX, Duration::ZERO] {
        revocations
            .revoke(Revoked::TokenId("1"), time)
            .await
            .unwrap();
    }
    eventually(async || refused(&verifier, "t ada 1").await.is_none()).await;
}

/// Replicas of two versions run side by side while one takes the place of the other.
#[tokio::test]
async fn keys_are_digests_have_one_hash_tag_and_stay_as_they_are() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let connection = RedisConnection::new(&server.address()).unwrap();
    let revocations = RedisRevocations::new(connection.key_prefix("shop"));
    let (secret, ada) = (token("secret-key"), principal("ada"));
    for (revoked, key) in [
        (
            Revoked::TokenId("token-id"),
            "t:e5fa19888eb42e92a7c0595953c2970b2b31a66ed8c02e5264d6fc153bd01ab6",
        ),
        (
            Revoked::Credential(&secret),
            "c:85dbe15d75ef9308c7ae0f33c7a324cc6f4bf519a2ed2f3027bd33c140a4f9aa",
        ),
        (
            Revoked::Principal(&ada),
            "p:d5bb9af572213031ebbbff886053f5fe8a7385861d407d38068e61a9dafb2548",
        ),
    ] {
        eventually(async || revocations.revoke(revoked, HOUR).await.is_ok()).await;
        let exists = server.command(&["EXISTS", &format!("{{shop:revocations}}:{key}")]);
        assert_eq!(exists, ":1", "{revoked:?}");
    }
    assert_eq!(server.command(&["DBSIZE"]), ":3");
}

#[tokio::test]
async fn requests_are_refused_with_503_while_redis_is_unavailable_unless_it_fails_open() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let connection = RedisConnection::new(&server.address()).unwrap();
    let revocations = RedisRevocations::new(connection.max_wait(MAX_WAIT));
    let closed = RedisRevocable::new(verify, revocations.clone());
    let open = closed.clone().fail_open();
    eventually(async || refused(&closed, "t ada 1").await.is_none()).await;
    server.kill();
    let unavailable = RefusalKind::Unavailable {
        retry_after: Some(Duration::from_secs(1)),
    };
    eventually(async || refused(&closed, "t ada 1").await == Some(unavailable.clone())).await;
    assert_eq!(refused(&open, "t ada 1").await, None);
    assert!(
        revocations
            .revoke(Revoked::TokenId("1"), HOUR)
            .await
            .is_err()
    );
    server.restart();
    eventually(async || {
        revocations
            .revoke(Revoked::TokenId("1"), HOUR)
            .await
            .is_ok()
    })
    .await;
    for verifier in [&closed, &open] {
        eventually(async || refused(verifier, "t ada 1").await == Some(RefusalKind::Invalid)).await;
    }
}

#[tokio::test]
async fn what_the_verifier_refuses_is_not_looked_up() {
    let nobody =
        |_: Credential| async { Err::<Verified, _>(mcp_layers_authenticate::Refusal::invalid()) };
    let connection = RedisConnection::new(&format!("redis://127.0.0.1:{}", free_port())).unwrap();
    let verifier = RedisRevocable::new(nobody, RedisRevocations::new(connection.clone()));
    assert_eq!(
        refused(&verifier, "t ada 1").await,
        Some(RefusalKind::Invalid)
    );
    assert_eq!(connection.state().commands, 0);
}
