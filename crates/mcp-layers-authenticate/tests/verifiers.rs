//! API keys, several verifiers in order, and the cache.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use mcp_layers_authenticate::{
    ApiKeys, CachedVerifier, Credential, FirstOf, Refusal, RefusalKind, Replaceable, Verify,
};
use mcp_layers_core::{Authentication, Clock, Principal};
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use sha2::{Digest, Sha256};
use support::manual_clock;

fn named(subject: &str) -> Principal {
    Principal::new(subject, Authentication::ApiKey)
}

fn credential(text: &str) -> Credential {
    Credential::bearer(text).unwrap()
}

#[tokio::test]
async fn api_keys_are_stored_as_digests() {
    let keys = ApiKeys::new().with_key("hunter2", named("ada")).unwrap();
    let digest: [u8; 32] = Sha256::digest("swordfish").into();
    let keys = keys.with_digest(digest, named("bob")).unwrap();
    let shown = format!("{keys:?}");
    assert!(
        shown.contains("ada") && !shown.contains("hunter2"),
        "{shown}"
    );

    let subject = async |text: &str| {
        let verified = keys.verify(&credential(text)).await;
        verified
            .ok()
            .map(|verified| verified.principal().subject().to_owned())
    };
    assert_eq!(subject("hunter2").await.as_deref(), Some("ada"));
    assert_eq!(subject("swordfish").await.as_deref(), Some("bob"));
    for guess in ["hunter", "hunter22", "HUNTER2", "x"] {
        assert_eq!(subject(guess).await, None, "{guess}");
    }
    // The digest is no key.
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(subject(&hex).await, None);
}

#[tokio::test]
async fn without_keys_nothing_is_accepted_and_a_key_has_one_principal() {
    assert!(ApiKeys::new().verify(&credential("x")).await.is_err());
    let keys = ApiKeys::new().with_key("k", named("ada")).unwrap();
    assert!(keys.clone().with_key("k", named("bob")).is_err());
    for key in ["", "a\nb", "schlüssel"] {
        assert!(keys.clone().with_key(key, named("bob")).is_err(), "{key:?}");
    }
}

/// `subtle` compares in constant time, and every entry is compared: the position of a key does not
/// matter.
#[tokio::test]
async fn finds_each_of_many_keys() {
    let mut keys = ApiKeys::new();
    for n in 0..300 {
        keys = keys
            .with_key(&format!("key-{n}"), named(&format!("user-{n}")))
            .unwrap();
    }
    for n in 0..300 {
        let verified = keys.verify(&credential(&format!("key-{n}"))).await.unwrap();
        assert_eq!(verified.principal().subject(), format!("user-{n}"));
        assert!(verified.principal().credential_digest().is_some());
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    Accept,
    Invalid,
    Insufficient,
    Unavailable,
}

fn verifier(says: Says) -> impl Verify {
    move |_: Credential| async move {
        match says {
            Says::Accept => Ok(named("ada")),
            Says::Invalid => Err(Refusal::invalid()),
            Says::Insufficient => Err(Refusal::insufficient_scope(["s"])),
            Says::Unavailable => Err(Refusal::unavailable(None)),
        }
    }
}

fn first_of(says: &[Says]) -> FirstOf {
    let mut first = FirstOf::new();
    for (n, says) in says.iter().enumerate() {
        first = first.with(format!("v{n}"), verifier(*says)).unwrap();
    }
    first
}

async fn said(verifier: &FirstOf) -> Says {
    match verifier.verify(&credential("x")).await {
        Ok(_) => Says::Accept,
        Err(refusal) => match refusal.kind() {
            RefusalKind::InsufficientScope { .. } => Says::Insufficient,
            RefusalKind::Unavailable { .. } => Says::Unavailable,
            _ => Says::Invalid,
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    /// The first that decides wins; else one that is unavailable makes the result unavailable.
    #[test]
    fn tries_several_verifiers_in_order(picks in proptest::collection::vec(0..4_usize, 0..5)) {
        let all = [Says::Accept, Says::Invalid, Says::Insufficient, Says::Unavailable];
        let says: Vec<_> = picks.into_iter().map(|pick| all[pick]).collect();
        let decided = says.iter().find(|says| matches!(says, Says::Accept | Says::Insufficient));
        let expected = match decided {
            Some(says) => *says,
            None if says.contains(&Says::Unavailable) => Says::Unavailable,
            None => Says::Invalid,
        };
        let answer = futures::executor::block_on(said(&first_of(&says)));
        prop_assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn subjects_are_qualified_by_their_verifier() {
    let keys = |key: &str, principal: Principal| ApiKeys::new().with_key(key, principal).unwrap();
    let first = FirstOf::new()
        .with("staff", keys("a", named("ada")))
        .and_then(|first| first.with("guests", keys("b", named("ada"))))
        .and_then(|first| first.with("other", keys("c", named("ada").with_issuer("https://as"))))
        .unwrap();
    let mut principals = Vec::new();
    for (key, issuer) in [("a", "staff"), ("b", "guests"), ("c", "https://as")] {
        let verified = first.verify(&credential(key)).await.unwrap();
        assert_eq!(verified.principal().issuer(), Some(issuer));
        principals.push(verified.into_principal());
    }
    assert!(!principals[0].is_same_subject(&principals[1]));
    assert!(first.clone().with("staff", ApiKeys::new()).is_err());
    assert!(first.with("", ApiKeys::new()).is_err());
    assert_eq!(said(&FirstOf::new()).await, Says::Invalid);
}

/// A verifier that counts its calls. `short` expires after a minute.
fn counted(clock: &Clock) -> (Arc<AtomicUsize>, impl Verify) {
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, clock) = (asked.clone(), clock.clone());
    let verifier = move |credential: Credential| {
        count.fetch_add(1, SeqCst);
        let expiry = clock.wall() + Duration::from_secs(60);
        async move {
            match credential.as_str() {
                "bad" => Err(Refusal::invalid()),
                "short" => Ok(named("short").with_expiry(expiry)),
                other => Ok(named(other)),
            }
        }
    };
    (asked, verifier)
}

#[tokio::test]
async fn caches_accepted_credentials_for_their_time() {
    let clock = manual_clock();
    let (asked, verifier) = counted(&clock);
    let cached = CachedVerifier::new(verifier).with_clock(clock.clone());
    let verify = async |text: &str| cached.verify(&credential(text)).await.is_ok();
    for _ in 0..3 {
        assert!(verify("ada").await);
    }
    assert_eq!(asked.load(SeqCst), 1);
    assert!(verify("bob").await);
    assert_eq!(asked.load(SeqCst), 2);
    clock.advance(Duration::from_millis(299_999));
    assert!(verify("ada").await);
    assert_eq!(asked.load(SeqCst), 2);
    clock.advance(Duration::from_millis(1));
    assert!(verify("ada").await);
    assert_eq!(asked.load(SeqCst), 3);
    cached.clear();
    assert!(verify("ada").await);
    assert_eq!(asked.load(SeqCst), 4);
}

#[tokio::test]
async fn nothing_is_cached_past_its_expiry() {
    let clock = manual_clock();
    let (asked, verifier) = counted(&clock);
    let cached = CachedVerifier::new(verifier).with_clock(clock.clone());
    let verify = async |text: &str| cached.verify(&credential(text)).await.is_ok();
    assert!(verify("short").await);
    clock.advance(Duration::from_millis(59_999));
    assert!(verify("short").await);
    assert_eq!(asked.load(SeqCst), 1);
    clock.advance(Duration::from_millis(1));
    assert!(verify("short").await);
    assert_eq!(asked.load(SeqCst), 2);
}

#[tokio::test]
async fn refusals_are_cached_for_a_short_time() {
    let clock = manual_clock();
    let (asked, verifier) = counted(&clock);
    let cached = CachedVerifier::new(verifier).with_clock(clock.clone());
    let verify = async |text: &str| cached.verify(&credential(text)).await.is_ok();
    for _ in 0..3 {
        assert!(!verify("bad").await);
    }
    assert_eq!(asked.load(SeqCst), 1);
    clock.advance(CachedVerifier::DEFAULT_REFUSAL_TIME_TO_LIVE);
    assert!(!verify("bad").await);
    assert_eq!(asked.load(SeqCst), 2);

    let cached = cached.refusal_time_to_live(Duration::ZERO);
    for n in 3..6 {
        assert!(cached.verify(&credential("bad")).await.is_err());
        assert_eq!(asked.load(SeqCst), n);
    }
}

#[tokio::test]
async fn unavailable_is_never_cached() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let cached = CachedVerifier::new(move |_: Credential| {
        let first = count.fetch_add(1, SeqCst) == 0;
        async move {
            if first {
                Err(Refusal::unavailable(None))
            } else {
                Ok(named("ada"))
            }
        }
    });
    assert!(cached.verify(&credential("x")).await.is_err());
    assert!(cached.verify(&credential("x")).await.is_ok());
}

#[tokio::test]
async fn invented_credentials_never_evict_accepted_ones() {
    let clock = manual_clock();
    let (asked, verifier) = counted(&clock);
    let verifier = FirstOf::new().with("v", verifier).unwrap();
    let refuse_invented = move |credential: Credential| {
        let invented = credential.as_str().starts_with("invented");
        let verified = verifier.verify(&credential);
        async move {
            if invented {
                return Err(Refusal::invalid());
            }
            verified.await
        }
    };
    let cached = CachedVerifier::new(refuse_invented)
        .max_capacity(10)
        .unwrap();
    assert!(cached.verify(&credential("ada")).await.is_ok());
    for n in 0..10_000 {
        let invented = credential(&format!("invented-{n}"));
        assert!(cached.verify(&invented).await.is_err());
    }
    let before = asked.load(SeqCst);
    assert!(cached.verify(&credential("ada")).await.is_ok());
    assert_eq!(asked.load(SeqCst), before);
}

#[tokio::test]
async fn one_verification_runs_for_many_requests_with_the_same_credential() {
    let asked = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (count, wait) = (asked.clone(), gate.clone());
    let cached = CachedVerifier::new(move |credential: Credential| {
        count.fetch_add(1, SeqCst);
        let wait = wait.clone();
        async move {
            drop(wait.acquire().await);
            match credential.as_str() {
                "bad" => Err(Refusal::invalid()),
                _ => Ok(named("ada")),
            }
        }
    });
    for (text, calls) in [("good", 1), ("bad", 2)] {
        let credential = credential(text);
        let mut all: Vec<_> = (0..100).map(|_| cached.verify(&credential)).collect();
        for one in &mut all {
            assert!(futures::poll!(one).is_pending());
        }
        assert_eq!(asked.load(SeqCst), calls);
        // The one that asks is dropped: another one takes over.
        drop(all.remove(0));
        gate.add_permits(1);
        let results = futures::future::join_all(all).await;
        assert!(
            results
                .iter()
                .all(|result| result.is_ok() == (text == "good"))
        );
        assert_eq!(asked.load(SeqCst), calls + 1);
        asked.store(calls, SeqCst);
        gate.forget_permits(1);
    }
}

#[tokio::test]
async fn replaced_api_keys_apply_at_once_in_every_wrapper() {
    let keys = |key: &str| ApiKeys::new().with_key(key, named("ada")).unwrap();
    let replaceable = Replaceable::new(keys("old"));
    let handle = replaceable.handle();
    let first = FirstOf::new().with("other", keys("other")).unwrap();
    let first = first.with("keys", replaceable.clone()).unwrap();
    let cached = CachedVerifier::new(first);
    let is_accepted = async |key: &str| cached.verify(&credential(key)).await.is_ok();
    assert!(is_accepted("old").await && !is_accepted("new").await);
    for _ in 0..3 {
        handle.replace(keys("new"));
        assert!(!is_accepted("old").await && is_accepted("new").await);
        handle.replace(keys("old"));
        assert!(is_accepted("old").await && !is_accepted("new").await);
    }
    assert!(is_accepted("other").await);
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let clock = manual_clock();
    let (asked, verifier) = counted(&clock);
    let cached = CachedVerifier::new(verifier).max_capacity(10).unwrap();
    let cached = cached.with_clock(clock);
    for round in 1..=2 {
        for n in 0..10_000 {
            assert!(
                cached
                    .verify(&credential(&format!("user-{n}")))
                    .await
                    .is_ok()
            );
        }
        // However moka evicts, most of them cannot have stayed.
        assert!(asked.load(SeqCst) > round * 9_000);
    }
}

#[tokio::test]
async fn a_bearer_token_and_an_api_key_of_one_text_are_two_credentials() {
    let bearer_only = |credential: Credential| async move {
        match credential.presented() {
            mcp_layers_authenticate::Presented::Bearer => Ok(named("ada")),
            _ => Err(Refusal::invalid()),
        }
    };
    let cached = CachedVerifier::new(bearer_only);
    assert!(cached.verify(&credential("x")).await.is_ok());
    let key = Credential::api_key("x").unwrap();
    assert!(cached.verify(&key).await.is_err());
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", Credential::bearer("hunter2").unwrap());
    assert!(
        shown.contains("Bearer") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn a_credential_is_printable_ascii() {
    for text in ["", "a\tb", "a\u{7f}", "ü", "a\nb"] {
        assert!(Credential::bearer(text).is_none(), "{text:?}");
    }
    assert_eq!(Credential::api_key("a b").unwrap().as_str(), "a b");
}

#[test]
fn a_cache_without_capacity_is_an_error() {
    assert!(CachedVerifier::new(ApiKeys::new()).max_capacity(0).is_err());
}
