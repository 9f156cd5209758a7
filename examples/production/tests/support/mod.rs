//! The server as a process, with its own settings and with secrets in files.
#![allow(dead_code, reason = "each test program uses its part of it")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use rmcp::{
    ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{CallToolRequestParams, ProtocolVersion},
    service::{RunningService, ServiceError},
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::Value;
use std::{fs, os::unix::fs::OpenOptionsExt, path::Path, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

/// The most time that the server may take for anything that a test asks of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type Client = RunningService<RoleClient, ()>;

/// A process that ends with this value.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) folder: TempDir,
    mcp: String,
    pages: String,
    log: Lines<BufReader<ChildStderr>>,
}

/// The text of the settings that the example comes with.
pub(crate) fn settings() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/settings.toml")).unwrap()
}

/// The program with settings, and with the keys of `ada` and `root` in files, which are their names.
pub(crate) fn command(settings: &str, folder: &Path) -> Command {
    let file = folder.join("settings.toml");
    fs::write(&file, settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_production"));
    command.arg("--config").arg(file).kill_on_drop(true);
    for name in ["ada", "root"] {
        let file = folder.join(name);
        write_secret(&file, &format!("key-of-{name}"));
        let variable = format!("API_KEYS__{}__KEY", name.to_uppercase());
        let reference = format!("file:{}", file.display());
        command.env(format!("MCP_LAYERS_AUTHENTICATE__{variable}"), reference);
    }
    command
        .env("MCP_LAYERS_SERVER__ADDRESS", "127.0.0.1:0")
        .env("MCP_LAYERS_SERVER__PAGES", "127.0.0.1:0");
    command
}

/// Writes a file that its owner alone can read.
pub(crate) fn write_secret(file: &Path, secret: &str) {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(file)
        .unwrap()
        .write_all(secret.as_bytes())
        .unwrap();
}

impl Server {
    pub(crate) async fn start(settings: &str) -> Self {
        Self::start_with(settings, &[]).await
    }

    pub(crate) async fn start_with(settings: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = command(settings, folder.path())
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut server = Self {
            process,
            folder,
            mcp: String::new(),
            pages: String::new(),
            log,
        };
        let listening = server.logged("listening").await;
        let address = |of: &str| listening["fields"][of].as_str().unwrap().to_owned();
        (server.mcp, server.pages) = (address("mcp"), address("pages"));
        server
    }

    /// The next line of the log with this message.
    pub(crate) async fn logged(&mut self, message: &str) -> Value {
        let find = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).expect(&line);
                if line["fields"]["message"] == message {
                    return line;
                }
            }
            panic!("the log ends without {message:?}");
        };
        timeout(PATIENCE, find).await.expect(message)
    }

    /// The status and the text of a page for the orchestrator.
    pub(crate) async fn page(&self, path: &str) -> (u16, String) {
        let page = reqwest::get(format!("{}{path}", self.pages)).await.unwrap();
        (page.status().as_u16(), page.text().await.unwrap())
    }

    /// Asks a page until it is as it should be.
    pub(crate) async fn until(&self, path: &str, done: impl Fn(u16, &str) -> bool) {
        let ask = async {
            loop {
                let (status, text) = self.page(path).await;
                if done(status, &text) {
                    break;
                }
            }
        };
        timeout(PATIENCE, ask).await.expect(path);
    }

    /// Changes the settings, and tells the server.
    pub(crate) async fn reload(&self, settings: &str) {
        fs::write(self.folder.path().join("settings.toml"), settings).unwrap();
        self.signal("HUP").await;
    }

    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.process.id().unwrap().to_string();
        let kill = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(pid)
            .status();
        assert!(kill.await.unwrap().success());
    }

    /// A client of the protocol version without sessions.
    pub(crate) async fn client(&self, key: &str) -> Client {
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        let lifecycle = ClientLifecycleMode::Discover { preferred_versions };
        self.try_client(key, lifecycle).await.expect("a client")
    }

    pub(crate) async fn try_client(
        &self,
        key: &str,
        lifecycle: ClientLifecycleMode,
    ) -> Result<Client, String> {
        let config = StreamableHttpClientTransportConfig::with_uri(&*self.mcp).auth_header(key);
        let transport = StreamableHttpClientTransport::from_config(config);
        let connected = timeout(PATIENCE, ().serve_with_lifecycle(transport, lifecycle)).await;
        connected
            .expect("in time")
            .map_err(|error| error.to_string())
    }
}

/// The text of a tool's result, or the code of the error.
pub(crate) async fn call(
    client: &Client,
    tool: &'static str,
    arguments: Value,
) -> Result<String, i32> {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let params = CallToolRequestParams::new(tool).with_arguments(arguments);
    let called = timeout(PATIENCE, client.call_tool(params)).await;
    match called.expect(tool) {
        Ok(result) => Ok(result.content[0].as_text().unwrap().text.clone()),
        Err(ServiceError::McpError(error)) => Err(error.code.0),
        Err(other) => panic!("{tool}: {other}"),
    }
}

/// The number of these calls of `wait` that pass; the others are refused with 429.
pub(crate) async fn passes(client: &Client, calls: usize) -> usize {
    let mut passed = 0;
    for _ in 0..calls {
        match call(client, "wait", serde_json::json!({ "ms": 0 })).await {
            Ok(_) => passed += 1,
            Err(code) => assert_eq!(code, 429),
        }
    }
    passed
}
