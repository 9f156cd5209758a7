//! Keys and tokens by the `openssl` command, a clock held by hand, and the edge around a service
//! that counts.
#![allow(dead_code)] // No test uses all of it.

use std::{
    convert::Infallible,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use mcp_layers_auth::{AuthenticateLayer, CappedBody, Verify, WallClock};
use mcp_layers_core::{Clock, Principal};
use mcp_layers_test::ManualClock;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const AUDIENCE: &str = "https://mcp.example/mcp";
/// When the tests play: seconds since 1970.
pub(crate) const NOW: u64 = 2_000_000_000;

/// A clock and a calendar that stand still until they are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestClock(pub(crate) ManualClock);

impl Clock for TestClock {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl WallClock for TestClock {
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW) + self.0.elapsed()
    }
}

/// A private key that the `openssl` command made, and that it signs with.
pub(crate) struct SigningKey {
    kind: Kind,
    pub(crate) id: String,
    private: PathBuf,
    pub(crate) pem: String,
    der: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Rsa(u32),
    P256,
    P384,
    Ed25519,
}

impl SigningKey {
    pub(crate) fn new(kind: Kind, id: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, SeqCst);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(&folder).unwrap();
        let private = folder.join(format!("key-{}-{count}.pem", std::process::id()));
        let path = private.to_str().unwrap();
        let bits;
        let options: &[&str] = match kind {
            Kind::Rsa(size) => {
                bits = format!("rsa_keygen_bits:{size}");
                &["-algorithm", "RSA", "-pkeyopt", &bits]
            }
            Kind::P256 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Kind::P384 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            Kind::Ed25519 => &["-algorithm", "ED25519"],
        };
        openssl(
            &[&["genpkey", "-quiet", "-out", path], options].concat(),
            b"",
        );
        let pem = openssl(&["pkey", "-in", path, "-pubout"], b"");
        let der = openssl(&["pkey", "-in", path, "-pubout", "-outform", "DER"], b"");
        Self {
            kind,
            id: id.to_owned(),
            private,
            pem: String::from_utf8(pem).unwrap(),
            der,
        }
    }

    pub(crate) fn rsa(id: &str) -> Self {
        Self::new(Kind::Rsa(2048), id)
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Rsa(_) => "RS256",
            Kind::P256 => "ES256",
            Kind::P384 => "ES384",
            Kind::Ed25519 => "EdDSA",
        }
    }

    /// The public key as a JSON web key, from what `openssl` says of it.
    pub(crate) fn jwk(&self) -> Value {
        let tail = |length: usize| &self.der[self.der.len() - length..];
        let mut jwk = match self.kind {
            Kind::Rsa(_) => {
                let private = self.private.to_str().unwrap();
                let modulus = openssl(&["rsa", "-in", private, "-noout", "-modulus"], b"");
                let modulus = String::from_utf8(modulus).unwrap();
                let modulus = hex(modulus.trim().strip_prefix("Modulus=").unwrap());
                json!({ "kty": "RSA", "n": base64(&modulus), "e": "AQAB" })
            }
            Kind::P256 => {
                let (x, y) = tail(64).split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y) })
            }
            Kind::P384 => {
                let (x, y) = tail(96).split_at(48);
                json!({ "kty": "EC", "crv": "P-384", "x": base64(x), "y": base64(y) })
            }
            Kind::Ed25519 => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64(tail(32)) }),
        };
        jwk["kid"] = self.id.clone().into();
        jwk["alg"] = self.algorithm().into();
        jwk["use"] = "sig".into();
        jwk
    }

    pub(crate) fn jwks(&self) -> String {
        json!({ "keys": [self.jwk()] }).to_string()
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.algorithm(), "typ": "at+jwt", "kid": self.id })
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_of(&self.header().to_string(), &claims.to_string())
    }

    /// A token of any header and payload, signed by `openssl`.
    pub(crate) fn token_of(&self, header: &str, payload: &str) -> String {
        let message = format!(
            "{}.{}",
            base64(header.as_bytes()),
            base64(payload.as_bytes())
        );
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", base64(&signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let private = self.private.to_str().unwrap();
        match self.kind {
            Kind::Rsa(_) => openssl(&["dgst", "-sha256", "-sign", private], message),
            Kind::P256 => raw(
                &openssl(&["dgst", "-sha256", "-sign", private], message),
                32,
            ),
            Kind::P384 => raw(
                &openssl(&["dgst", "-sha384", "-sign", private], message),
                48,
            ),
            Kind::Ed25519 => {
                let input = self.private.with_extension("message");
                fs::write(&input, message).unwrap();
                let input = input.to_str().unwrap();
                let sign = [
                    "pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", input,
                ];
                openssl(&sign, b"")
            }
        }
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.private);
        let _ = fs::remove_file(self.private.with_extension("message"));
    }
}

/// HMAC with any bytes as key, by `openssl`.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("hexkey:{key}");
    let options = [
        "dgst", "-sha256", "-mac", "HMAC", "-macopt", &key, "-binary",
    ];
    openssl(&options, message)
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child =
        child.expect("these tests make their tokens with the `openssl` command: install it");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {told}");
    output.stdout
}

/// The two numbers of an ECDSA signature in DER, side by side (RFC 7518, section 3.4).
fn raw(der: &[u8], length: usize) -> Vec<u8> {
    let mut rest = &der[2 + usize::from(der[1] > 0x80)..];
    let mut out = Vec::new();
    for _ in 0..2 {
        let size = usize::from(rest[1]);
        let number = &rest[2..2 + size];
        let number = &number[number.len().saturating_sub(length)..];
        out.extend(std::iter::repeat_n(0, length - number.len()));
        out.extend_from_slice(number);
        rest = &rest[2 + size..];
    }
    out
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text
        .chars()
        .map(|digit| digit.to_digit(16).unwrap())
        .collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Claims that are as they should be.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "exp": NOW + 600,
        "iat": NOW - 1,
        "jti": "token-1",
        "client_id": "app",
        "scope": "tools files",
    })
}

/// The same, changed.
pub(crate) fn claims_with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

pub(crate) fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// What a request came to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What the inner service saw, if it was called.
    pub(crate) seen: Option<Seen>,
}

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: usize,
}

impl Answer {
    pub(crate) fn challenge(&self) -> &str {
        self.headers["www-authenticate"].to_str().unwrap()
    }

    pub(crate) fn principal(&self) -> &Principal {
        let seen = self
            .seen
            .as_ref()
            .expect("the inner service was not called");
        seen.principal.as_ref().expect("there is no principal")
    }

    /// A 401 that says nothing but that the token is invalid, and reached nobody.
    pub(crate) fn assert_invalid(&self, what: &str) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED, "{what}");
        assert!(
            self.challenge()
                .starts_with("Bearer error=\"invalid_token\""),
            "{what}"
        );
        let text = r#"{"error":"invalid_token","error_description":"The access token is invalid or expired"}"#;
        assert_eq!(self.body, text, "{what}");
        assert!(self.seen.is_none(), "{what} reached the inner service");
    }
}

/// Sends a request through the edge to a service that reads its body.
pub(crate) async fn send<V: Verify, B>(layer: &AuthenticateLayer<V>, request: Request<B>) -> Answer
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<mcp_layers_core::BoxError>,
    B::Data: Send,
{
    let seen = Arc::new(Mutex::new(None));
    let tell = seen.clone();
    let inner = service_fn(move |request: Request<CappedBody<B>>| {
        let tell = tell.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes().len());
            *tell.lock().unwrap() = Some(Seen {
                principal: parts.extensions.get::<Arc<Principal>>().cloned(),
                headers: parts.headers,
                body: body.as_ref().copied().unwrap_or_default(),
            });
            let status = if body.is_ok() { 200 } else { 500 };
            let response = Response::builder().status(status);
            Ok::<_, Infallible>(
                response
                    .body(Full::new(Bytes::from_static(b"inner")))
                    .unwrap(),
            )
        }
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let seen = seen.lock().unwrap().take();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
        seen,
    }
}

pub(crate) fn post() -> http::request::Builder {
    Request::post("https://mcp.example/mcp")
}

pub(crate) async fn send_token<V: Verify>(layer: &AuthenticateLayer<V>, token: &str) -> Answer {
    let request = post().header("authorization", format!("Bearer {token}"));
    send(layer, request.body(Full::<Bytes>::default()).unwrap()).await
}
