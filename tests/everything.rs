//! The server that others try their layers and clients on, driven by rmcp's own client: what each
//! tool, resource and prompt answers.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use rmcp::{model::*, service::ServiceError, transport::StreamableHttpClientTransport};
use serde_json::{Value, json};
use support::{
    Server,
    client::{Client, call, connect, lifecycles, stdio, text, try_call},
};

/// Every behaviour that is the same bare and layered, over every transport. The counts begin at zero.
async fn drive(client: &Client) {
    let none = || Value::Null;
    let tools = client.list_all_tools().await.unwrap();
    let tool = |name: &str| tools.iter().find(|tool| tool.name == name).unwrap();
    assert_eq!(tools.len(), 15);
    let echo = tool("echo").annotations.clone().unwrap();
    assert_eq!(echo.read_only_hint, Some(true));
    assert_eq!(echo.idempotent_hint, Some(true));
    assert!(tool("count").annotations.is_none());
    assert!(tool("flaky_write").annotations.is_none());
    assert!(tool("add").output_schema.is_some());

    assert_eq!(call(client, "admin_reset", none()).await, "reset");
    assert_eq!(
        call(client, "echo", json!({ "text": "größe" })).await,
        "größe"
    );
    let sum = try_call(client, "add", json!({ "a": 2, "b": 3.5 }))
        .await
        .unwrap();
    assert_eq!(sum.structured_content, Some(json!({ "sum": 5.5 })));
    assert_eq!(
        call(client, "sleep", json!({ "ms": 1 })).await,
        "slept 1 ms"
    );
    for tool in ["count", "ticks"] {
        assert_eq!(call(client, tool, none()).await, "1", "{tool}");
        assert_eq!(call(client, tool, none()).await, "2", "{tool}");
    }
    for tool in ["flaky", "flaky_write"] {
        let arguments = json!({ "key": "a", "failures": 2 });
        assert_eq!(
            try_call(client, tool, arguments.clone()).await,
            Err(-32603),
            "{tool}"
        );
        assert_eq!(
            try_call(client, tool, arguments.clone()).await,
            Err(-32603),
            "{tool}"
        );
        assert_eq!(call(client, tool, arguments).await, "3", "{tool}");
    }
    assert_eq!(
        try_call(client, "fail", json!({ "message": "no" })).await,
        Err(-32603)
    );
    let failed = try_call(client, "tool_error", json!({ "message": "no" }))
        .await
        .unwrap();
    assert_eq!(
        (failed.is_error, text(&failed).as_str()),
        (Some(true), "no")
    );
    assert_eq!(
        call(client, "big", json!({ "bytes": 100_000 })).await.len(),
        100_000
    );
    assert_eq!(call(client, "touch", none()).await, "touched");

    for (tool, arguments) in [
        ("echo", json!({})),
        ("add", json!({ "a": "one", "b": 2 })),
        ("sleep", json!({ "ms": -1 })),
        ("big", json!({ "bytes": u64::MAX })),
        ("unheard_of", json!({})),
    ] {
        assert_eq!(
            try_call(client, tool, arguments).await,
            Err(-32602),
            "{tool}"
        );
    }

    let resources = client.list_all_resources().await.unwrap();
    let item = "test://item/7".to_owned();
    for uri in resources
        .iter()
        .map(|resource| &resource.uri)
        .chain([&item])
    {
        for count in ["1", "2"] {
            let read = client.read_resource(ReadResourceRequestParams::new(uri));
            let read = read.await.unwrap();
            let [ResourceContents::TextResourceContents { text, .. }] = &read.contents[..] else {
                panic!("{uri}");
            };
            // rmcp's client keeps what the hints allow it to keep.
            let kept = count == "2" && read.ttl_ms.is_some_and(|ttl_ms| ttl_ms > 0);
            assert_eq!(text, if kept { "1" } else { count }, "{uri}");
        }
    }
    assert_eq!(resources.len(), 3);
    assert_eq!(client.list_all_resource_templates().await.unwrap().len(), 1);
    let unknown = client
        .read_resource(ReadResourceRequestParams::new("test://none"))
        .await;
    assert!(
        matches!(unknown, Err(ServiceError::McpError(_))),
        "{unknown:?}"
    );

    assert_eq!(client.list_all_prompts().await.unwrap().len(), 1);
    let arguments = JsonObject::from_iter([("name".to_owned(), "Ada".into())]);
    let prompt = GetPromptRequestParams::new("greet").with_arguments(arguments);
    let prompt = client.get_prompt(prompt).await.unwrap();
    let said = prompt.messages[0].content.as_text().unwrap();
    assert_eq!(said.text, "Say hello to Ada.");
    let names = client
        .complete_prompt_simple("greet", "name", "A")
        .await
        .unwrap();
    assert_eq!(names, ["Ada", "Alan"]);
}

#[tokio::test]
async fn answers_the_same_over_every_transport_bare_and_layered() {
    for lifecycle in lifecycles() {
        for flags in [&["--bare"][..], &[], &["--with", "timing"], &["--with", ""]] {
            let (client, _) = connect(stdio(flags), lifecycle.clone()).await;
            drive(&client).await;
            client.cancel().await.unwrap();

            let server = Server::start(flags).await;
            let transport = StreamableHttpClientTransport::from_uri(server.url());
            let (client, _) = connect(transport, lifecycle.clone()).await;
            drive(&client).await;
            client.cancel().await.unwrap();
        }
    }
}
