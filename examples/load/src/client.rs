//! The HTTP client, and what it makes of answers.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::{message::SESSION, record::Outcome};

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// The error of a server that does not answer.
#[derive(Debug)]
pub struct Unreachable(pub(crate) String);

impl fmt::Display for Unreachable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unreachable {}

/// Connections that are kept alive; a call takes an idle one, or opens another.
#[derive(Debug, Clone)]
pub(crate) struct Client(HttpClient<HttpConnector, Full<Bytes>>);

/// An open stream of events. Dropping it closes its connection.
#[derive(Debug)]
pub(crate) struct Stream(JoinHandle<()>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A response that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    pub(crate) session: Option<HeaderValue>,
    reply: Option<Reply>,
}

/// The members of a JSON-RPC response that matter here.
#[derive(Debug, Deserialize)]
struct Reply {
    result: Option<ReplyResult>,
    error: Option<ReplyError>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplyResult {
    is_error: Option<bool>,
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ReplyError {
    code: i64,
}

impl Client {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self(client)
    }

    /// Opens a stream of events, and reads it until it is dropped.
    ///
    /// # Errors
    /// When no response came, or another one.
    pub(crate) async fn listen(&self, request: Request<Full<Bytes>>) -> Result<Stream, Outcome> {
        let response = self.0.request(request).await;
        let response = response.map_err(|_| Outcome::Lost("connection"))?;
        let status = response.status();
        let kind = response.headers().get(CONTENT_TYPE);
        if status != StatusCode::OK {
            return Err(other(status));
        }
        if !is_stream(kind) {
            return Err(Outcome::Other("no stream".into()));
        }
        let mut body = response.into_body();
        let reading = tokio::spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
        Ok(Stream(reading))
    }

    /// Sends a request and reads its response to the end.
    ///
    /// # Errors
    /// When no response came, or not all of it.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Outcome> {
        let lost = Outcome::Lost("connection");
        let Ok(response) = self.0.request(request).await else {
            return Err(lost);
        };
        let (head, body) = response.into_parts();
        let Ok(body) = Limited::new(body, MAX_ANSWER).collect().await else {
            return Err(lost);
        };
        let kind = head.headers.get(CONTENT_TYPE);
        Ok(Answer {
            status: head.status,
            session: head.headers.get(SESSION).cloned(),
            reply: reply(kind, &body.to_bytes()),
        })
    }

    /// Sends a request of the handshake, before a run.
    ///
    /// # Errors
    /// When the server cannot be reached, or answers otherwise.
    pub(crate) async fn check(
        &self,
        request: Request<Full<Bytes>>,
        outcome: fn(&Answer) -> Outcome,
    ) -> Result<Answer, Unreachable> {
        let uri = request.uri().clone();
        let problem = |outcome| Unreachable(format!("{uri} does not answer: {outcome:?}"));
        let answer = self.send(request).await.map_err(problem)?;
        match outcome(&answer) {
            Outcome::Wanted => Ok(answer),
            other => Err(problem(other)),
        }
    }
}

impl Answer {
    /// The cursor of the next page.
    pub(crate) fn next_cursor(&self) -> Option<&str> {
        let result = self.reply.as_ref()?.result.as_ref()?;
        result.next_cursor.as_deref()
    }

    /// The outcome where a result was wanted.
    pub(crate) fn result(&self) -> Outcome {
        if self.status != StatusCode::OK {
            return self.other();
        }
        match &self.reply {
            Some(Reply {
                error: Some(error), ..
            }) => Outcome::Other(format!("error {}", error.code).into()),
            Some(Reply {
                result: Some(result),
                ..
            }) => match result.is_error {
                Some(true) => Outcome::Other("isError".into()),
                _ => Outcome::Wanted,
            },
            _ => Outcome::Other("no reply".into()),
        }
    }

    /// The outcome where a notification or a DELETE was to be accepted. A server may allow no DELETE.
    pub(crate) fn accepted(&self) -> Outcome {
        if self.status.is_success() || self.status == StatusCode::METHOD_NOT_ALLOWED {
            Outcome::Wanted
        } else {
            self.other()
        }
    }

    /// The outcome where a refusal was wanted: a status of the client's fault, an error, or 503.
    pub(crate) fn refused(&self) -> Outcome {
        let by_status =
            self.status.is_client_error() || self.status == StatusCode::SERVICE_UNAVAILABLE;
        match self.result() {
            Outcome::Wanted => Outcome::Other("not refused".into()),
            _ if by_status || self.status.is_success() => Outcome::Wanted,
            other => other,
        }
    }

    fn other(&self) -> Outcome {
        other(self.status)
    }
}

fn other(status: StatusCode) -> Outcome {
    Outcome::Other(format!("status {}", status.as_u16()).into())
}

fn is_stream(kind: Option<&HeaderValue>) -> bool {
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// The response in a body of JSON, or in one of the events of a stream.
fn reply(kind: Option<&HeaderValue>, body: &[u8]) -> Option<Reply> {
    if !is_stream(kind) {
        return serde_json::from_slice(body).ok();
    }
    let lines = body.split(|byte| *byte == b'\n');
    let data = lines.filter_map(|line| line.strip_prefix(b"data:"));
    let messages = data.filter_map(|data| serde_json::from_slice::<Reply>(data).ok());
    let mut replies = messages.filter(|reply| reply.result.is_some() || reply.error.is_some());
    replies.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, kind: &'static str, body: &str) -> Answer {
        let kind = HeaderValue::from_static(kind);
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            session: None,
            reply: reply(Some(&kind), body.as_bytes()),
        }
    }

    #[test]
    fn outcomes_are_read_from_json_and_from_event_streams() {
        let other = |name: &'static str| Outcome::Other(name.into());
        for (body, result, refused) in [
            (
                r#"{"id":1,"result":{}}"#,
                Outcome::Wanted,
                other("not refused"),
            ),
            (
                r#"{"id":1,"result":{"isError":true}}"#,
                other("isError"),
                Outcome::Wanted,
            ),
            (
                r#"{"id":1,"error":{"code":-32601}}"#,
                other("error -32601"),
                Outcome::Wanted,
            ),
        ] {
            let stream = format!("id: 1\ndata:\n\ndata: {{\"method\":\"m\"}}\n\ndata: {body}\n\n");
            let json = answer(200, "application/json", body);
            let stream = answer(200, "text/event-stream", &stream);
            for answer in [json, stream] {
                assert_eq!(answer.result(), result, "{body}");
                assert_eq!(answer.refused(), refused, "{body}");
            }
        }
    }

    #[test]
    fn a_status_that_is_not_200_is_the_outcome() {
        let outcomes = |status| {
            let answer = answer(status, "text/plain", "");
            (answer.result(), answer.accepted(), answer.refused())
        };
        let other = |status| Outcome::Other(format!("status {status}").into());
        assert_eq!(outcomes(503), (other(503), other(503), Outcome::Wanted));
        assert_eq!(outcomes(404), (other(404), other(404), Outcome::Wanted));
        assert_eq!(outcomes(500), (other(500), other(500), other(500)));
        assert_eq!(outcomes(202).1, Outcome::Wanted);
        assert_eq!(outcomes(200).0, Outcome::Other("no reply".into()));
    }

    #[test]
    fn the_cursor_of_the_next_page_is_read() {
        let body = r#"{"id":1,"result":{"tools":[],"nextCursor":"2"}}"#;
        let answer = answer(200, "application/json", body);
        assert_eq!(answer.next_cursor(), Some("2"));
    }
}
