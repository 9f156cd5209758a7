//! Certificates that are made on the spot, by the `openssl` command.
#![allow(dead_code, clippy::unwrap_used)]

use std::{path::Path, process::Command};

const CONFIG: &str = "
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[leaf]
basicConstraints = critical, CA:FALSE
subjectAltName = $ENV::HOST
";

const KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

/// One who vouches for others.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
}

/// The files of a certificate and its key, in PEM.
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    /// `None`, and a loud word, where there is no `openssl`; with `CI=true` that is a failure.
    pub(crate) fn new() -> Option<Self> {
        // Another test of this program may have been faster.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        if Command::new("openssl").arg("version").output().is_err() {
            let problem = "NOT TESTED: there is no openssl on the PATH";
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{problem}");
            eprintln!("{problem}");
            return None;
        }
        let authority = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(authority.folder.path().join("config"), CONFIG).unwrap();
        authority.openssl(
            "req -x509 -config config -extensions root -subj /CN=root -days 2 -keyout root.key -out root.pem",
            &KEY,
        );
        Some(authority)
    }

    /// The file of its own certificate.
    pub(crate) fn file(&self) -> String {
        self.path("root.pem")
    }

    pub(crate) fn pem(&self) -> String {
        read(&self.file())
    }

    /// The arguments of a server that shows a certificate, and trusts whom this one vouches for.
    pub(crate) fn arguments(&self, shown: &Certificate) -> [String; 6] {
        [
            "--tls-cert-file".to_owned(),
            shown.certificate.clone(),
            "--tls-key-file".to_owned(),
            shown.key.clone(),
            "--tls-ca-cert-file".to_owned(),
            self.file(),
        ]
    }

    /// A certificate for `IP:127.0.0.1`, say.
    pub(crate) fn issue(&self, name: &str, host: &str) -> Certificate {
        self.openssl(
            &format!("req -new -config config -subj /CN={name} -keyout {name}.key -out {name}.csr"),
            &KEY,
        );
        self.openssl_for(
            host,
            &format!(
                "x509 -req -in {name}.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile config \
                 -extensions leaf -days 2 -out {name}.pem"
            ),
            &[],
        );
        Certificate {
            certificate: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        }
    }

    fn path(&self, file: &str) -> String {
        let path = self.folder.path().join(file);
        path.to_str().unwrap().to_owned()
    }

    fn openssl(&self, words: &str, more: &[&str]) {
        self.openssl_for("IP:127.0.0.1", words, more);
    }

    fn openssl_for(&self, host: &str, words: &str, more: &[&str]) {
        let output = Command::new("openssl")
            .args(words.split_whitespace())
            .args(more)
            .current_dir(self.folder.path())
            .env("HOST", host)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {words}: {told}");
    }
}

impl Certificate {
    pub(crate) fn pem(&self) -> String {
        read(&self.certificate)
    }

    pub(crate) fn key_pem(&self) -> String {
        read(&self.key)
    }
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(file)).unwrap()
}
