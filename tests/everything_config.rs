//! `everything --config`: what is refused and how, variables, `--check-config`, reloads.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::{
    fs,
    path::PathBuf,
    process::{Output, Stdio},
};

use rmcp::transport::{
    StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
};
use serde_json::json;
use support::{
    PATIENCE,
    client::{Client, connect, lifecycles, try_call},
    example,
};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// A folder with a settings file, and the log of the server that has it.
struct Folder(TempDir);

impl Folder {
    fn new(settings: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write(settings);
        folder
    }

    fn write(&self, settings: &str) {
        fs::write(self.settings(), settings).unwrap();
    }

    fn settings(&self) -> PathBuf {
        self.0.path().join("settings.toml")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.0.path().join("log")).unwrap()
    }

    fn command(&self, address: &str) -> Command {
        let mut command = Command::new(example("everything"));
        command
            .args(["--http", address, "--config"])
            .arg(self.settings());
        command.kill_on_drop(true);
        command
    }

    async fn run(&self, flags: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = self.command("127.0.0.1:0");
        command.args(flags).envs(variables.iter().copied());
        timeout(PATIENCE, command.output())
            .await
            .expect("an end")
            .unwrap()
    }

    async fn serve(&self) -> Server<'_> {
        let log = fs::File::create(self.0.path().join("log")).unwrap();
        let process = self.command("127.0.0.1:0").stderr(Stdio::from(log)).spawn();
        let folder = self;
        let mut server = Server {
            process: process.unwrap(),
            folder,
            url: String::new(),
        };
        server.until_logged("/mcp\n").await;
        let log = self.log();
        let (_, rest) = log.split_once("listening on ").unwrap();
        server.url = rest.lines().next().unwrap().to_owned();
        server
    }
}

struct Server<'a> {
    process: Child,
    folder: &'a Folder,
    url: String,
}

impl Server<'_> {
    async fn until_logged(&self, text: &str) {
        let read = async {
            while !self.folder.log().contains(text) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, read).await.expect(text);
    }

    async fn metrics(&self) -> String {
        let page = reqwest::get(self.url.replace("/mcp", "/metrics")).await;
        page.unwrap().text().await.unwrap()
    }

    /// Waits until the settings in force are those of a generation.
    async fn until_generation(&self, generation: u64) {
        let line = format!("mcp_layers_config_generation {generation}\n");
        self.until_page_has(&line).await;
    }

    async fn until_page_has(&self, line: &str) {
        let ask = async { while !self.metrics().await.contains(line) {} };
        timeout(PATIENCE, ask).await.expect(line);
    }

    async fn reload(&self, settings: &str) {
        self.folder.write(settings);
        let pid = self.process.id().unwrap().to_string();
        let kill = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(kill.await.unwrap().success());
    }

    async fn client(&self, key: &str) -> Client {
        let config = StreamableHttpClientTransportConfig::with_uri(&*self.url).auth_header(key);
        let transport = StreamableHttpClientTransport::from_config(config);
        let [_, lifecycle] = lifecycles();
        connect(transport, lifecycle).await.0
    }
}

/// The number of these calls that pass; the others are refused with 429.
async fn passes(client: &Client, calls: usize) -> usize {
    let mut passed = 0;
    for _ in 0..calls {
        match try_call(client, "count", json!({})).await {
            Ok(_) => passed += 1,
            Err(code) => assert_eq!(code, 429),
        }
    }
    passed
}

fn with_limit(quota: &str) -> String {
    format!("[rate_limit.rules.per_tool]\nquota = \"{quota}\"\n[timing]\n")
}

#[track_caller]
fn assert_refused(output: &Output, with: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains(with), "{with} is not in {error}");
    assert!(!error.contains("hunter2"), "{error}");
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn wrong_settings_are_refused_with_the_path_of_the_key() {
    for (settings, with) in [
        (
            "[timeout]\nmaximum = \"30s\"\nmaximun = \"hunter2\"",
            ": timeout.maximun: unknown key",
        ),
        ("[timeuot]\nmaximum = \"hunter2\"", ": timeuot: unknown key"),
        (
            "[timeout]\nmaximum = 30",
            ": timeout.maximum: a number without a unit",
        ),
        (
            "[authenticate.api_keys.ada]\nkey = \"hunter2\"\n[authorize]",
            ": authenticate.api_keys.ada.key: a secret is given by reference",
        ),
        (
            "[audit.file]\npath = \"log\"\nkey = \"env:ABSENT\"",
            ": audit.file.key: ",
        ),
        ("[timeout]\nmaximum = \"hunter2", "settings.toml: "),
        (
            "profile = \"production\"",
            ": audit: the production profile requires an audit log",
        ),
        (
            "[authenticate.api_keys.ada]\nkey = \"env:PATH\"",
            ": authorize: ",
        ),
    ] {
        let output = Folder::new(settings).run(&[], &[]).await;
        assert_refused(&output, with);
    }
}

#[tokio::test]
async fn flags_that_say_the_same_are_refused() {
    let folder = Folder::new("");
    for (flags, with) in [
        (&["--bare"][..], "--config and --bare exclude each other"),
        (
            &["--with", "timing"],
            "--config and --with exclude each other",
        ),
        (&["--rate", "5"], "--config and --rate exclude each other"),
    ] {
        assert_refused(&folder.run(flags, &[]).await, with);
    }
    let mut alone = Command::new(example("everything"));
    assert_refused(
        &alone.arg("--check-config").output().await.unwrap(),
        "--check-config needs --config",
    );
}

#[tokio::test]
async fn check_config_prints_the_settings_in_force_and_ends() {
    let settings =
        "[timeout]\nmaximum = \"30s\"\n[authenticate.api_keys.ada]\nkey = \"env:KEY\"\n[authorize]";
    let variables = [("KEY", "hunter2"), ("MCP_LAYERS_TIMEOUT__MAXIMUM", "5s")];
    let output = Folder::new(settings)
        .run(&["--check-config"], &variables)
        .await;
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    let printed: toml::Table = printed.parse().unwrap();
    assert_eq!(printed["timeout"]["maximum"].as_str(), Some("5s"));
    let key = &printed["authenticate"]["api_keys"]["ada"]["key"];
    assert_eq!(key.as_str(), Some("env:KEY"));
    assert!(output.stderr.is_empty());
}

#[tokio::test]
async fn variables_are_as_strict_as_the_file() {
    let folder = Folder::new("[timeout]\nmaximum = \"30s\"");
    for (variable, value, with) in [
        (
            "MCP_LAYERS_TIMEOUT__MAXIMUN",
            "5s",
            ": timeout.maximun: unknown key",
        ),
        (
            "MCP_LAYERS_TIMEOUT__MAXIMUM",
            "5",
            ": timeout.maximum: a number without a unit",
        ),
        ("MCP_LAYERS_PORT", "8000", ": port: unknown key"),
    ] {
        assert_refused(&folder.run(&[], &[(variable, value)]).await, with);
    }
}

#[tokio::test]
async fn the_development_profile_is_refused_off_loopback() {
    let folder = Folder::new("profile = \"development\"");
    let output = timeout(PATIENCE, folder.command("0.0.0.0:0").output());
    assert_refused(&output.await.expect("an end").unwrap(), ": profile: ");
    folder.serve().await;
}

#[tokio::test]
async fn a_reload_changes_a_quota_and_keeps_what_is_spent() {
    let folder = Folder::new(&with_limit("3/day"));
    let server = folder.serve().await;
    let client = server.client("").await;
    assert_eq!(passes(&client, 4).await, 3);
    server.reload(&with_limit("5/day")).await;
    server.until_generation(2).await;
    assert_eq!(passes(&client, 4).await, 2);
}

#[tokio::test]
async fn a_reload_of_a_broken_file_changes_nothing_and_says_so() {
    let folder = Folder::new(&with_limit("3/day"));
    let server = folder.serve().await;
    let client = server.client("").await;
    assert_eq!(passes(&client, 4).await, 3);
    for (broken, said) in [
        (
            with_limit("9/day") + "maximun = 1",
            r#"key="timing.maximun" error="unknown key"#,
        ),
        (
            with_limit("9"),
            r#"key="rate_limit.rules.per_tool.quota" error="a number without a unit"#,
        ),
        ("no settings".to_owned(), "settings not reloaded"),
    ] {
        server.reload(&broken).await;
        server.until_logged(said).await;
        server.until_generation(1).await;
        server
            .until_page_has("mcp_layers_config_reload_failed 1\n")
            .await;
        assert_eq!(passes(&client, 1).await, 0);
    }
    // The next good one is taken.
    server.reload(&with_limit("4/day")).await;
    server.until_generation(2).await;
    server
        .until_page_has("mcp_layers_config_reload_failed 0\n")
        .await;
    assert_eq!(passes(&client, 2).await, 1);
}

#[tokio::test]
async fn keys_and_rules_of_the_file_decide_who_may_call() {
    let settings = |scopes: &str| {
        format!(
            "[authenticate.api_keys.ada]\nkey = \"env:PATH\"\nscopes = [{scopes}]\n\
             [authorize]\notherwise = {{ scopes = [\"tools\"] }}\n\
             http.missing_scopes_in_stack = true\n[timing]\n"
        )
    };
    let folder = Folder::new(&settings("\"tools\""));
    let server = folder.serve().await;
    let key = std::env::var("PATH").unwrap();
    let ada = server.client(&key).await;
    assert!(try_call(&ada, "count", json!({})).await.is_ok());
    server.reload(&settings("")).await;
    server.until_generation(2).await;
    assert!(matches!(try_call(&ada, "count", json!({})).await, Err(403)));
}
