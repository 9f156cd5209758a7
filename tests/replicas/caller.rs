//! Callers that read each answer as it is on the wire.

use reqwest::{
    Client, Method, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Value, json};

use crate::support::PATIENCE;

/// A caller with a token.
#[derive(Clone)]
pub(crate) struct Caller {
    http: Client,
    token: String,
}

/// The answer to one request.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) session: Option<String>,
    pub(crate) text: String,
}

impl Caller {
    pub(crate) fn new(token: impl Into<String>) -> Self {
        Self {
            http: Client::builder().timeout(PATIENCE).build().unwrap(),
            token: token.into(),
        }
    }

    /// Sends a request of protocol version 2026-07-28, about this name.
    pub(crate) async fn ask(&self, url: &str, method: &str, name: &str, message: Value) -> Answer {
        let mut message = message;
        message["jsonrpc"] = "2.0".into();
        message["method"] = method.into();
        message["params"]["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "replicas", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities":
                { "extensions": { "io.modelcontextprotocol/tasks": {} } },
        });
        let headers = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
            ("mcp-name", name),
        ];
        self.send(Method::POST, url, &headers, &message)
            .await
            .unwrap()
    }

    /// Calls a tool.
    pub(crate) async fn call(&self, url: &str, id: &str, tool: &str, arguments: Value) -> Answer {
        let params = json!({ "name": tool, "arguments": arguments });
        let message = json!({ "id": id, "params": params });
        self.ask(url, "tools/call", tool, message).await
    }

    /// Opens a session of protocol version 2025-11-25.
    pub(crate) async fn open(&self, url: &str) -> String {
        let client = json!({ "name": "replicas", "version": "1" });
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client,
        });
        let message =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let opened = self.send(Method::POST, url, &[], &message).await.unwrap();
        let session = opened.session.expect(&opened.text);
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let answer = self.in_session(Method::POST, url, &session, &ready).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        session
    }

    pub(crate) async fn in_session(
        &self,
        method: Method,
        url: &str,
        session: &str,
        message: &Value,
    ) -> Answer {
        let headers = [
            ("mcp-session-id", session),
            ("mcp-protocol-version", "2025-11-25"),
        ];
        self.send(method, url, &headers, message).await.unwrap()
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        message: &Value,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .body(message.to_string());
        let response: Response = request.send().await?;
        let session = response.headers().get("mcp-session-id");
        Ok(Answer {
            status: response.status(),
            session: session.map(|session| session.to_str().unwrap().to_owned()),
            text: response.text().await?,
        })
    }
}

impl Answer {
    /// The messages in the body, which is one message or a stream of them.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let lines = self.text.lines();
        let data = lines.map(|line| line.strip_prefix("data:").unwrap_or(line).trim());
        data.filter_map(|text| serde_json::from_str(text).ok())
            .collect()
    }

    /// The only message.
    pub(crate) fn message(&self) -> Value {
        let [message] = &self.messages()[..] else {
            panic!("not one message: {self:?}");
        };
        message.clone()
    }

    /// The text of a tool's result.
    pub(crate) fn result(&self) -> String {
        let message = self.message();
        let text = message["result"]["content"][0]["text"].as_str();
        text.unwrap_or_else(|| panic!("no result: {message}"))
            .to_owned()
    }
}
