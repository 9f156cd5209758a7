//! Keys and signatures made by the `openssl` command.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A private key that the `openssl` command made and signs with.
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

    /// The public key as a JSON web key, from the output of `openssl`.
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

/// An HMAC with any bytes as key, made by `openssl`.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("hexkey:{key}");
    let options = [
        "dgst", "-sha256", "-mac", "HMAC", "-macopt", &key, "-binary",
    ];
    openssl(&options, message)
}

/// Returns whether there is an `openssl` command to sign with. Without it, a test reports that it did
/// not run; with `CI=true` in the environment, it fails.
pub(crate) fn can_sign() -> bool {
    let version = Command::new("openssl").arg("version").output();
    let problem = "NOT RUN: a test needs the `openssl` command to sign tokens: install it";
    if version.is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{problem}");
        eprintln!("{problem}");
    }
    version.is_ok()
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
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
