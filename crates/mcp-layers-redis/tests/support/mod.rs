//! A Redis server of one's own.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// The program that is started: `redis-server`, or the one that the environment variable
/// `REDIS_SERVER` names, such as `valkey-server`.
fn program() -> String {
    std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

/// A Redis server of one's own, on a free port, that keeps nothing on disk.
pub(crate) struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts a server. `None`, and a loud word, where the program is not there; with `CI=true` that
    /// is a failure.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with further arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Option<Self> {
        let program = program();
        let found = Command::new(&program).arg("--version").output();
        if !found.is_ok_and(|output| output.status.success()) {
            let problem = format!("NOT TESTED: there is no {program} on the PATH");
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{problem}");
            eprintln!("{problem}");
            return None;
        }
        // Another process may take the port in between.
        for _ in 0..10 {
            let mut server = Self {
                port: free_port(),
                arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
                child: None,
            };
            if server.spawn() {
                return Some(server);
            }
        }
        panic!("no {program} would start");
    }

    pub(crate) fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server; what it kept in memory is lost.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts the server again, on the same port.
    pub(crate) fn restart(&mut self) {
        self.kill();
        assert!(self.spawn(), "the server does not start again");
    }

    /// The server takes connections and bytes, but does nothing.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// The server goes on.
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    /// Makes the server a replica of an absent server, so that it refuses writes.
    pub(crate) fn make_read_only(&self) {
        assert_eq!(self.command(&["REPLICAOF", "127.0.0.1", "1"]), "+OK");
    }

    /// Makes the server take writes again.
    pub(crate) fn make_writable(&self) {
        assert_eq!(self.command(&["REPLICAOF", "NO", "ONE"]), "+OK");
    }

    /// The answer to one command, as text of the protocol without the last line's end.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        self.try_command(words).unwrap()
    }

    fn try_command(&self, words: &[&str]) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text += &format!("${}\r\n{word}\r\n", word.len());
        }
        text += "*1\r\n$4\r\nQUIT\r\n";
        stream.write_all(text.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let answer = answer.strip_suffix("+OK\r\n").unwrap_or(&answer);
        Ok(answer.trim_end().to_owned())
    }

    fn spawn(&mut self) -> bool {
        let mut child = Command::new(program())
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(std::env::temp_dir())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if self
                .try_command(&["PING"])
                .is_ok_and(|answer| answer == "+PONG")
            {
                self.child = Some(child);
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        false
    }

    fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("a server that runs");
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Nothing is to be done about a server that is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port without a listener.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Asks again and again, for twenty seconds at most, until it holds.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "it never came to hold"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
