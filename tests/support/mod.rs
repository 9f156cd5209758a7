//! Finding, starting and asking the programs that cargo built of the examples.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses its part of it"
)]

pub mod client;

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

/// The most time that a program may take for anything that a test asks of it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program of an example. `cargo test` builds it; `cargo test --test NAME` alone does not.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let program = profile.join("examples").join(name);
    let program = program.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.exists(), "build it first: cargo build --examples");
    program
}

/// A server over HTTP, mostly `everything`; its process ends with this value.
pub struct Server {
    pub address: String,
    pub process: Child,
}

impl Server {
    pub async fn start(flags: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", flags).await
    }

    pub async fn start_at(address: &str, flags: &[&str]) -> Self {
        let process = Command::new(example("everything"))
            .args(["--http", address])
            .args(flags)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        listening(process.unwrap()).await
    }

    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// The status line, the headers and the body of one page.
    pub async fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        let read = stream.read_to_string(&mut page);
        timeout(PATIENCE, read).await.expect("a page").unwrap();
        page
    }
}

/// Waits until a program says where it listens.
pub async fn listening(mut process: Child) -> Server {
    let mut line = String::new();
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    let read = stderr.read_line(&mut line);
    timeout(PATIENCE, read).await.expect("a line").unwrap();
    let address = line.strip_prefix("listening on http://");
    let address = address.and_then(|rest| rest.trim_end().strip_suffix("/mcp"));
    Server {
        address: address.expect(&line).to_owned(),
        process,
    }
}
