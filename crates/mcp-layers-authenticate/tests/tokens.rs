//! JSON web tokens, signed by the `openssl` command: accepted, or refused with a constant text.
#![allow(clippy::expect_used, clippy::unwrap_used)]
#![cfg(any(feature = "jwt", feature = "jwt-aws-lc"))]

mod support;

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use http::StatusCode;
use mcp_layers_authenticate::{
    AuthenticateLayer, CachedVerifier, Credential, JwtVerifier, KeySet, Replaceable, Revocable,
    Verify,
};
use serde_json::json;
use support::{
    AUDIENCE, ISSUER, Kind, NOW, SigningKey, base64, claims, claims_with, claims_without,
    hmac_sha256, manual_clock, send_token,
};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::rsa("key-1"));

fn verifier(key: &SigningKey) -> JwtVerifier {
    let keys = KeySet::from_jwks(&key.jwks()).unwrap();
    let verifier = JwtVerifier::new(ISSUER, AUDIENCE, keys).unwrap();
    verifier.with_clock(manual_clock())
}

fn edge() -> AuthenticateLayer {
    AuthenticateLayer::new(verifier(&KEY))
}

async fn assert_refused(token: &str, what: &str) {
    send_token(&edge(), token).await.assert_invalid(what);
}

async fn assert_accepted(token: &str, what: &str) {
    let answer = send_token(&edge(), token).await;
    assert_eq!(answer.status, StatusCode::OK, "{what}");
    assert_eq!(answer.principal().subject(), "ada", "{what}");
}

#[tokio::test]
async fn accepts_a_good_token_of_each_algorithm() {
    if !support::can_sign() {
        return;
    }
    for kind in [
        Kind::Rsa(2048),
        Kind::Rsa(4096),
        Kind::P256,
        Kind::P384,
        Kind::Ed25519,
    ] {
        let key = SigningKey::new(kind, "k");
        let pem = KeySet::from_pem(&key.pem).unwrap();
        let pem = JwtVerifier::new(ISSUER, AUDIENCE, pem).unwrap();
        for verifier in [verifier(&key), pem.with_clock(manual_clock())] {
            let answer = send_token(&AuthenticateLayer::new(verifier), &key.token(&claims())).await;
            assert_eq!(answer.status, StatusCode::OK, "{kind:?}");
        }
        // The same token with another key of that kind.
        let other = SigningKey::new(kind, "k");
        let edge = AuthenticateLayer::new(verifier(&other));
        let answer = send_token(&edge, &key.token(&claims())).await;
        answer.assert_invalid(&format!("a forged {kind:?}"));
    }
}

#[tokio::test]
async fn claims_become_the_principal() {
    if !support::can_sign() {
        return;
    }
    let mut claims = claims_with("roles", json!(["reader", "admin"]));
    claims["org"] = "acme".into();
    let edge = AuthenticateLayer::new(verifier(&KEY).tenant_claim("org"));
    let token = KEY.token(&claims);
    let answer = send_token(&edge, &token).await;
    let principal = answer.principal();
    assert_eq!(principal.subject(), "ada");
    assert_eq!(principal.issuer(), Some(ISSUER));
    assert_eq!(principal.client_id(), Some("app"));
    assert_eq!(principal.tenant(), Some("acme"));
    assert_eq!(principal.scopes().collect::<Vec<_>>(), ["files", "tools"]);
    assert_eq!(principal.roles().collect::<Vec<_>>(), ["admin", "reader"]);
    let expiry = std::time::UNIX_EPOCH + Duration::from_secs(NOW + 600);
    assert_eq!(principal.expires_at(), Some(expiry));
    let digest = Credential::bearer(&token).unwrap().digest();
    assert_eq!(principal.credential_digest(), Some(&digest[..]));

    let mut claims = claims_without("client_id");
    claims["azp"] = "web".into();
    claims.as_object_mut().unwrap().remove("scope");
    claims["scp"] = json!(["a", "b"]);
    let answer = send_token(&edge, &KEY.token(&claims)).await;
    assert_eq!(answer.principal().client_id(), Some("web"));
    assert_eq!(answer.principal().scopes().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(answer.principal().tenant(), None);
}

#[tokio::test]
async fn refuses_unsigned_tokens_with_none_in_any_case() {
    if !support::can_sign() {
        return;
    }
    for none in ["none", "None", "NONE", "nOnE"] {
        let header = json!({ "alg": none, "typ": "JWT", "kid": "key-1" }).to_string();
        let message = format!(
            "{}.{}",
            base64(header.as_bytes()),
            base64(claims().to_string().as_bytes())
        );
        assert_refused(&format!("{message}."), none).await;
        assert_refused(&format!("{message}.AA"), none).await;
        assert_refused(&message, none).await;
    }
    // A signature that was cut off.
    let good = KEY.token(&claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    assert_refused(&format!("{message}."), "an empty signature").await;
}

#[tokio::test]
async fn the_algorithm_follows_from_the_key() {
    if !support::can_sign() {
        return;
    }
    let payload = base64(claims().to_string().as_bytes());
    let jwk = KEY.jwk();
    let modulus = jwk["n"].as_str().unwrap().as_bytes();
    for algorithm in ["HS256", "HS384", "HS512"] {
        let header = json!({ "alg": algorithm, "kid": "key-1" }).to_string();
        let message = format!("{}.{payload}", base64(header.as_bytes()));
        for secret in [
            KEY.pem.as_bytes(),
            KEY.pem.trim().as_bytes(),
            modulus,
            b"secret",
        ] {
            let signature = base64(&hmac_sha256(secret, message.as_bytes()));
            assert_refused(&format!("{message}.{signature}"), algorithm).await;
        }
    }
    // A signature that is good by itself, under the name of another algorithm.
    for algorithm in ["RS384", "PS256", "ES256", "EdDSA", "", "rs256", "RS256 "] {
        let header = json!({ "alg": algorithm, "kid": "key-1" }).to_string();
        assert_refused(&KEY.token_of(&header, &claims().to_string()), algorithm).await;
    }
    let header = json!({ "kid": "key-1" }).to_string();
    assert_refused(&KEY.token_of(&header, &claims().to_string()), "no alg").await;
    // A shared secret in a key set is no key.
    let secret = json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "HS256" }] });
    assert!(KeySet::from_jwks(&secret.to_string()).is_err());
}

#[tokio::test]
async fn the_audience_must_be_this_server() {
    if !support::can_sign() {
        return;
    }
    let other = "https://other.example/mcp";
    assert_refused(&KEY.token(&claims_with("aud", other)), "another audience").await;
    assert_refused(&KEY.token(&claims_with("aud", json!([other]))), "others").await;
    assert_refused(&KEY.token(&claims_with("aud", json!([]))), "an empty array").await;
    assert_refused(
        &KEY.token(&claims_with("aud", format!("{AUDIENCE}/"))),
        "a slash",
    )
    .await;
    assert_refused(
        &KEY.token(&claims_with("aud", json!({ "0": AUDIENCE }))),
        "an object",
    )
    .await;
    assert_refused(
        &KEY.token(&claims_with("aud", json!([AUDIENCE, 1]))),
        "a number",
    )
    .await;
    assert_refused(&KEY.token(&claims_without("aud")), "no audience").await;
    assert_accepted(
        &KEY.token(&claims_with("aud", json!([other, AUDIENCE]))),
        "among others",
    )
    .await;

    // Without an audience there is no verifier, but for the way that says what it does.
    let keys = || KeySet::from_jwks(&KEY.jwks()).unwrap();
    assert!(JwtVerifier::new(ISSUER, "", keys()).is_err());
    assert!(JwtVerifier::new("", AUDIENCE, keys()).is_err());
    let any = JwtVerifier::accepting_tokens_meant_for_others(ISSUER, keys()).unwrap();
    let any = AuthenticateLayer::new(any.with_clock(manual_clock()));
    for claims in [claims_with("aud", other), claims_without("aud")] {
        assert_eq!(
            send_token(&any, &KEY.token(&claims)).await.status,
            StatusCode::OK
        );
    }
    let two = AuthenticateLayer::new(verifier(&KEY).or_audience(other));
    for audience in [other, AUDIENCE] {
        let token = KEY.token(&claims_with("aud", audience));
        assert_eq!(send_token(&two, &token).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_issuer_must_match_in_every_character() {
    if !support::can_sign() {
        return;
    }
    for issuer in [
        "https://as.example/",
        "https://AS.example",
        "HTTPS://as.example",
        " https://as.example",
        "",
    ] {
        assert_refused(&KEY.token(&claims_with("iss", issuer)), issuer).await;
    }
    assert_refused(&KEY.token(&claims_with("iss", json!([ISSUER]))), "an array").await;
    assert_refused(&KEY.token(&claims_without("iss")), "no issuer").await;
}

#[tokio::test]
async fn refuses_expired_tokens() {
    if !support::can_sign() {
        return;
    }
    assert_refused(&KEY.token(&claims_with("exp", NOW - 31)), "expired").await;
    assert_refused(
        &KEY.token(&claims_with("exp", NOW - 30)),
        "at the end of the leeway",
    )
    .await;
    assert_accepted(
        &KEY.token(&claims_with("exp", NOW - 29)),
        "inside the leeway",
    )
    .await;
    assert_refused(&KEY.token(&claims_without("exp")), "no expiry").await;
    for exp in [
        json!("2000000600"),
        json!(null),
        json!(-1),
        json!(1e300),
        json!([NOW]),
    ] {
        assert_refused(
            &KEY.token(&claims_with("exp", exp.clone())),
            &exp.to_string(),
        )
        .await;
    }
    assert_accepted(
        &KEY.token(&claims_with("exp", json!(2_000_000_000.5))),
        "a fraction",
    )
    .await;

    // The clock is asked, not the day the test runs.
    let clock = manual_clock();
    let edge = AuthenticateLayer::new(
        verifier(&KEY)
            .with_clock(clock.clone())
            .leeway(Duration::ZERO),
    );
    let token = KEY.token(&claims());
    assert_eq!(send_token(&edge, &token).await.status, StatusCode::OK);
    clock.advance(Duration::from_secs(600));
    send_token(&edge, &token)
        .await
        .assert_invalid("expired by the clock");
}

#[tokio::test]
async fn refuses_tokens_before_their_time() {
    if !support::can_sign() {
        return;
    }
    assert_refused(&KEY.token(&claims_with("nbf", NOW + 31)), "in the future").await;
    assert_accepted(
        &KEY.token(&claims_with("nbf", NOW + 30)),
        "inside the leeway",
    )
    .await;
    assert_accepted(&KEY.token(&claims_with("nbf", NOW)), "now").await;
    assert_refused(&KEY.token(&claims_with("nbf", "2000000000")), "a string").await;
}

#[tokio::test]
async fn ignores_or_refuses_hostile_headers() {
    if !support::can_sign() {
        return;
    }
    let long = "k".repeat(257);
    for id in [
        "../../../../dev/null",
        "' OR 1=1 --",
        "key-1\u{0}",
        "key-2",
        "",
        &long,
    ] {
        let mut header = KEY.header();
        header["kid"] = id.into();
        let token = KEY.token_of(&header.to_string(), &claims().to_string());
        assert_refused(&token, id).await;
    }
    for id in [json!(1), json!(null), json!(["key-1"])] {
        let mut header = KEY.header();
        header["kid"] = id.clone();
        let token = KEY.token_of(&header.to_string(), &claims().to_string());
        assert_refused(&token, &id.to_string()).await;
    }
    // A key of the attacker's own, brought along.
    let attacker = SigningKey::rsa("key-1");
    for (name, value) in [
        ("jwk", attacker.jwk()),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["AA=="])),
    ] {
        let mut header = KEY.header();
        header[name] = value;
        let header = header.to_string();
        assert_refused(&attacker.token_of(&header, &claims().to_string()), name).await;
        // They are not looked at: a token that is good without them is good.
        assert_accepted(&KEY.token_of(&header, &claims().to_string()), name).await;
    }
    for (name, value) in [
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("typ", json!("dpop+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(1)),
    ] {
        let mut header = KEY.header();
        header[name] = value;
        assert_refused(
            &KEY.token_of(&header.to_string(), &claims().to_string()),
            name,
        )
        .await;
    }
}

#[tokio::test]
async fn refuses_oversized_and_malformed_tokens_before_any_cryptography() {
    if !support::can_sign() {
        return;
    }
    let many: Vec<_> = (0..10_000).map(|n| format!("s{n}")).collect();
    let over: Vec<_> = (0..257).map(|n| format!("s{n}")).collect();
    let fits: Vec<_> = (0..256).map(|n| format!("s{n}")).collect();
    assert_refused(
        &KEY.token(&claims_with("scope", many.join(" "))),
        "10,000 scopes",
    )
    .await;
    assert_refused(
        &KEY.token(&claims_with("scope", over.join(" "))),
        "257 scopes",
    )
    .await;
    assert_refused(&KEY.token(&claims_with("roles", json!(over))), "257 roles").await;
    assert_accepted(
        &KEY.token(&claims_with("scope", fits.join(" "))),
        "256 scopes",
    )
    .await;

    let deep = format!("{{\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    assert_refused(
        &KEY.token_of(&KEY.header().to_string(), &deep),
        "deep claims",
    )
    .await;

    let twice = claims().to_string().replacen('{', r#"{"sub":"eve","#, 1);
    assert_refused(
        &KEY.token_of(&KEY.header().to_string(), &twice),
        "a claim twice",
    )
    .await;
    let escaped = claims()
        .to_string()
        .replacen('{', r#"{"\u0073ub":"eve","#, 1);
    assert_refused(
        &KEY.token_of(&KEY.header().to_string(), &escaped),
        "twice, escaped",
    )
    .await;
    let header = KEY
        .header()
        .to_string()
        .replacen('{', r#"{"alg":"none","#, 1);
    assert_refused(
        &KEY.token_of(&header, &claims().to_string()),
        "a header twice",
    )
    .await;

    for (name, value) in [
        ("sub", json!(1)),
        ("sub", json!("")),
        ("scope", json!(1)),
        ("scope", json!(["tools", 1])),
        ("client_id", json!(["app"])),
        ("jti", json!(7)),
        ("iat", json!("now")),
        ("roles", json!({ "admin": true })),
    ] {
        let token = KEY.token(&claims_with(name, value.clone()));
        assert_refused(&token, &format!("{name}: {value}")).await;
    }
    assert_refused(&KEY.token(&claims_without("sub")), "no subject").await;
    for junk in [
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "..",
        "e30.e30.e30",
        "e30=.e30.AA",
    ] {
        assert_refused(junk, junk).await;
    }
}

/// A well-signed token of a megabyte is refused like one with a wrong signature.
#[tokio::test]
async fn refuses_a_token_of_a_megabyte_unread() {
    if !support::can_sign() {
        return;
    }
    let large = KEY.token(&claims_with("padding", "x".repeat(1_000_000)));
    assert_refused(&large, "a megabyte").await;
    // The verifier by itself has the same bound, whatever edge is in front of it.
    let verify = async |verifier: JwtVerifier, token: &str| {
        verifier.verify(&Credential::bearer(token).unwrap()).await
    };
    assert!(verify(verifier(&KEY), &large).await.is_err());
    let token = KEY.token(&claims());
    let at_most = |bytes: usize| verifier(&KEY).max_token(bytes).unwrap();
    assert!(verify(at_most(token.len()), &token).await.is_ok());
    assert!(verify(at_most(token.len() - 1), &token).await.is_err());
    assert!(verifier(&KEY).max_token(0).is_err());
    assert!(verifier(&KEY).max_scopes(0).is_err());
}

#[tokio::test]
async fn refuses_a_revoked_token_that_is_cached() {
    if !support::can_sign() {
        return;
    }
    let revoked = Arc::new(Mutex::new(Vec::new()));
    let list = revoked.clone();
    let cached = CachedVerifier::new(verifier(&KEY)).with_clock(manual_clock());
    let verifier = Revocable::new(cached, move |verified| {
        let id = verified.token_id().map(ToOwned::to_owned);
        id.is_some_and(|id| list.lock().unwrap().contains(&id))
    });
    let edge = AuthenticateLayer::new(verifier);
    let (one, two) = (
        KEY.token(&claims()),
        KEY.token(&claims_with("jti", "token-2")),
    );
    for _ in 0..2 {
        assert_eq!(send_token(&edge, &one).await.status, StatusCode::OK);
    }
    revoked.lock().unwrap().push("token-1".to_owned());
    send_token(&edge, &one).await.assert_invalid("revoked");
    assert_eq!(send_token(&edge, &two).await.status, StatusCode::OK);
}

#[tokio::test]
async fn refuses_id_tokens_where_only_access_tokens_are_accepted() {
    if !support::can_sign() {
        return;
    }
    let edge = AuthenticateLayer::new(verifier(&KEY).only_access_tokens());
    assert_eq!(
        send_token(&edge, &KEY.token(&claims())).await.status,
        StatusCode::OK
    );
    let mut header = KEY.header();
    header["typ"] = "JWT".into();
    let identity = KEY.token_of(&header.to_string(), &claims().to_string());
    send_token(&edge, &identity).await.assert_invalid("typ JWT");
    assert_accepted(&identity, "typ JWT, by default").await;
}

#[test]
fn skips_unusable_keys() {
    if !support::can_sign() {
        return;
    }
    let weak = SigningKey::new(Kind::Rsa(1024), "weak");
    assert!(KeySet::from_jwks(&weak.jwks()).is_err());
    assert!(KeySet::from_pem(&weak.pem).is_err());
    let with = |name: &str, value: serde_json::Value| {
        let mut jwk = KEY.jwk();
        jwk[name] = value;
        jwk
    };
    let mut of_no_use = vec![
        weak.jwk(),
        with("use", json!("enc")),
        with("key_ops", json!(["encrypt"])),
        with("alg", json!("RSA-OAEP")),
        with("alg", json!("ES256")),
        with("alg", json!("HS256")),
        with("kty", json!("unheard-of")),
        with("kid", json!(1)),
        with("n", json!("AQAB")),
        json!({ "kty": "EC", "crv": "secp256k1", "x": base64(&[1; 32]), "y": base64(&[2; 32]) }),
        json!(1),
    ];
    // No point of the curve: aws-lc keeps such a key, with which no signature is right.
    if cfg!(not(feature = "jwt-aws-lc")) {
        let (x, y) = (base64(&[1; 32]), base64(&[2; 32]));
        of_no_use.push(json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }));
    }
    for jwk in &of_no_use {
        let alone = json!({ "keys": [jwk] }).to_string();
        assert!(KeySet::from_jwks(&alone).is_err(), "{jwk}");
    }
    let mut all = of_no_use;
    all.push(KEY.jwk());
    let set = KeySet::from_jwks(&json!({ "keys": all }).to_string()).unwrap();
    assert_eq!(set.len(), 1);
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(KeySet::from_jwks(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn refuses_tokens_that_are_bound_to_a_key() {
    if !support::can_sign() {
        return;
    }
    for bound in [
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({}),
    ] {
        let what = bound.to_string();
        assert_refused(&KEY.token(&claims_with("cnf", bound)), &what).await;
    }
}

#[tokio::test]
async fn refuses_refresh_and_id_tokens_by_their_claims() {
    if !support::can_sign() {
        return;
    }
    for (claim, value) in [
        ("typ", json!("Refresh")),
        ("typ", json!("ID")),
        ("typ", json!("Offline")),
        ("token_use", json!("id")),
        ("token_type", json!("refresh")),
        ("token_use", json!(1)),
    ] {
        let what = format!("{claim}: {value}");
        assert_refused(&KEY.token(&claims_with(claim, value)), &what).await;
    }
    for (claim, value) in [("typ", "Bearer"), ("token_use", "access"), ("typ", "JWT")] {
        assert_accepted(&KEY.token(&claims_with(claim, value)), value).await;
    }
}

#[tokio::test]
async fn refuses_tokens_issued_in_the_future() {
    if !support::can_sign() {
        return;
    }
    assert_refused(&KEY.token(&claims_with("iat", NOW + 86_400)), "tomorrow").await;
    assert_refused(&KEY.token(&claims_with("iat", NOW + 31)), "31 s").await;
    assert_accepted(&KEY.token(&claims_with("iat", NOW + 30)), "the leeway").await;
}

#[tokio::test]
async fn an_empty_scope_grants_nothing_although_scp_has_scopes() {
    if !support::can_sign() {
        return;
    }
    let layer = AuthenticateLayer::new(verifier(&KEY));
    for scope in [json!(""), json!(" "), json!([])] {
        let mut claims = claims_with("scope", scope);
        claims["scp"] = json!(["admin"]);
        let answer = send_token(&layer, &KEY.token(&claims)).await;
        assert_eq!(answer.principal().scopes().count(), 0);
    }
}

#[tokio::test]
async fn tries_every_key_of_a_set_without_key_ids() {
    if !support::can_sign() {
        return;
    }
    let signers: Vec<_> = (0..8).map(|_| SigningKey::new(Kind::P256, "")).collect();
    let jwks: Vec<_> = signers
        .iter()
        .map(|key| {
            let mut jwk = key.jwk();
            jwk.as_object_mut().unwrap().remove("kid");
            jwk
        })
        .collect();
    let keys = KeySet::from_jwks(&json!({ "keys": jwks }).to_string()).unwrap();
    let verifier = JwtVerifier::new(ISSUER, AUDIENCE, keys).unwrap();
    let layer = AuthenticateLayer::new(verifier.with_clock(manual_clock()));
    for key in &signers {
        let header = json!({ "alg": "ES256" }).to_string();
        let token = key.token_of(&header, &claims().to_string());
        assert_eq!(send_token(&layer, &token).await.status, StatusCode::OK);
    }
    let stranger = SigningKey::new(Kind::P256, "");
    let token = stranger.token_of(r#"{"alg":"ES256"}"#, &claims().to_string());
    send_token(&layer, &token)
        .await
        .assert_invalid("a stranger");
}

#[tokio::test]
async fn settings_accept_what_some_issuers_do() {
    if !support::can_sign() {
        return;
    }
    let status = async |verifier: JwtVerifier, claims: &serde_json::Value| {
        let layer = AuthenticateLayer::new(verifier);
        send_token(&layer, &KEY.token(claims)).await
    };
    // Machine clients without `sub`.
    let machine = claims_without("sub");
    let answer = status(verifier(&KEY).client_id_as_subject(), &machine).await;
    assert_eq!(answer.principal().subject(), "app");
    let mut azp = machine.clone();
    azp["azp"] = "robot".into();
    azp.as_object_mut().unwrap().remove("client_id");
    let answer = status(verifier(&KEY).client_id_as_subject(), &azp).await;
    assert_eq!(answer.principal().subject(), "robot");
    let mut nobody = machine.clone();
    nobody.as_object_mut().unwrap().remove("client_id");
    let answer = status(verifier(&KEY).client_id_as_subject(), &nobody).await;
    answer.assert_invalid("neither `sub` nor `client_id`");
    // `null` for absent.
    for name in ["scope", "nbf", "azp", "jti", "cnf"] {
        let null = claims_with(name, json!(null));
        status(verifier(&KEY), &null).await.assert_invalid(name);
        let answer = status(verifier(&KEY).null_claims_as_absent(), &null).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
    }
    for name in ["sub", "iss", "aud", "exp"] {
        let null = claims_with(name, json!(null));
        let answer = status(verifier(&KEY).null_claims_as_absent(), &null).await;
        answer.assert_invalid(name);
    }
    // A trailing slash.
    let slash = |audience: String| claims_with("aud", audience);
    let lenient = || verifier(&KEY).ignore_trailing_slash();
    let answer = status(lenient(), &slash(format!("{AUDIENCE}/"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(status(lenient(), &claims()).await.status, StatusCode::OK);
    for audience in [
        format!("{AUDIENCE}//"),
        format!("{AUDIENCE}/x"),
        "/".to_owned(),
    ] {
        let what = audience.clone();
        status(lenient(), &slash(audience))
            .await
            .assert_invalid(&what);
    }
}

#[tokio::test]
async fn a_replaced_key_set_applies_at_once_behind_a_cache() {
    if !support::can_sign() {
        return;
    }
    let other = SigningKey::rsa("key-2");
    let tokens = Replaceable::new(verifier(&KEY));
    let handle = tokens.handle();
    let layer = AuthenticateLayer::new(CachedVerifier::new(tokens).with_clock(manual_clock()));
    let (old, new) = (KEY.token(&claims()), other.token(&claims()));
    assert_eq!(send_token(&layer, &old).await.status, StatusCode::OK);
    send_token(&layer, &new)
        .await
        .assert_invalid("not yet known");

    handle.replace(verifier(&other));
    send_token(&layer, &old).await.assert_invalid("replaced");
    assert_eq!(send_token(&layer, &new).await.status, StatusCode::OK);
}
