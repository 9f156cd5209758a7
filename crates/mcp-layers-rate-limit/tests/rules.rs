//! The scope of rules, the costs of calls, and the keys of budgets.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;

use common::{a_second, by, call, from, how_many, limiter, n, passes};
use mcp_layers_core::{Authentication, JsonRpcRequest, McpRequest, Method, Principal};
use mcp_layers_rate_limit::{ClientAddress, KeyComponent, RateLimitLayer, Rule};
use mcp_layers_test::requests;
use serde_json::json;

fn problem(rules: impl IntoIterator<Item = Rule>) -> String {
    RateLimitLayer::new(rules).unwrap_err().to_string()
}

fn rule() -> Rule {
    Rule::new("r", a_second(3))
}

#[test]
fn a_rule_that_could_never_limit_is_an_error() {
    for (rule, word) in [
        (rule().tools(["db_*x"]), "db_*x"),
        (rule().tools(["**"]), "**"),
        (rule().tools([""]), "no tool pattern"),
        (rule().tools([""; 0]), "no tool"),
        (rule().methods([]), "no method"),
        (rule().methods([Method::Ping]), "ping"),
        (rule().methods([Method::Initialize]), "initialize"),
        (
            rule().methods([Method::Other("server/discover")]),
            "server/discover",
        ),
        (rule().methods([Method::Listen]), "subscriptions/listen"),
        (rule().methods([Method::TaskResult]), "tasks/result"),
        (rule().methods([Method::CancelTask]), "tasks/cancel"),
        (
            rule().methods([Method::Cancelled]),
            "notifications/cancelled",
        ),
        (
            rule().tools(["a"]).methods([Method::GetPrompt]),
            "tools/call",
        ),
        (
            rule().methods([Method::GetPrompt]).cost_of_tool("a", n(2)),
            "tools/call",
        ),
        (rule().tools(["a"]).cost_of_tool("b", n(2)), "`b`"),
        (rule().cost(n(4)), "burst of 3"),
        (rule().cost_of_tool("a", n(4)), "burst of 3"),
        (Rule::new("", a_second(1)), "name"),
        (Rule::new("a\nb", a_second(1)), "name"),
    ] {
        let problem = problem([rule]);
        assert!(problem.contains(word), "{problem}");
    }
    assert!(problem([]).contains("no rule"));
    assert!(problem([rule(), rule()]).contains("two rules"));
}

#[test]
fn by_default_each_principal_has_a_budget_for_each_tool() {
    let (layer, _) = limiter([rule()]);
    for (subject, tool) in [("ada", "dig"), ("ada", "cut"), ("bob", "dig")] {
        assert_eq!(
            how_many(&layer, || by(subject, call(tool))),
            3,
            "{subject} {tool}"
        );
    }
}

#[test]
fn by_default_what_does_work_is_limited_and_all_else_passes() {
    for request in requests::every_method()
        .into_iter()
        .chain(requests::unknown_methods())
    {
        let (layer, _) = limiter([rule()]);
        let method = request.method();
        let limited = matches!(
            method,
            Method::CallTool | Method::GetPrompt | Method::ReadResource | Method::Complete
        );
        let expected = if limited { 3 } else { 100 };
        assert_eq!(how_many(&layer, || request.clone()), expected, "{method}");
    }
}

#[test]
fn the_lifecycle_and_cancellation_are_never_limited() {
    let everything = |method: &Method<'static>| {
        let exempt = method.is_lifecycle() || method.is_long_lived() || method.is_notification();
        !exempt && *method != Method::CancelTask
    };
    let methods = Method::KNOWN.iter().copied().filter(everything);
    let (layer, _) = limiter([rule().key([]).methods(methods)]);
    assert_eq!(how_many(&layer, || call("dig")), 3);
    for method in Method::KNOWN.iter().filter(|method| !everything(method)) {
        assert_eq!(
            how_many(&layer, || requests::of(1, *method)),
            100,
            "{method}"
        );
    }
}

#[test]
fn without_a_principal_all_share_the_anonymous_bucket() {
    for part in [
        KeyComponent::Principal,
        KeyComponent::Tenant,
        KeyComponent::ClientId,
    ] {
        let (layer, _) = limiter([rule().key([part])]);
        let claimed = |number: usize| {
            let name = format!("user-{number}");
            let principal = Principal::new(name.clone(), Authentication::Unverified);
            from(
                principal.with_tenant(name.clone()).with_client_id(name),
                call("dig"),
            )
        };
        let passed = (0..100)
            .filter(|number| passes(&layer, claimed(*number)))
            .count();
        assert_eq!(passed + how_many(&layer, || call("dig")), 3);
        let verified = Principal::new("ada", Authentication::Bearer);
        let verified = verified.with_tenant("acme").with_client_id("cli");
        assert_eq!(how_many(&layer, || from(verified.clone(), call("dig"))), 3);
    }
}

#[test]
fn each_part_tells_budgets_apart_by_its_own_word() {
    let ada = || Principal::new("ada", Authentication::Bearer);
    let at = |address: &str| {
        let mut request = call("dig");
        request.insert_extension(ClientAddress(address.parse::<IpAddr>().unwrap()));
        request
    };
    type Pair = (KeyComponent, JsonRpcRequest, JsonRpcRequest, bool);
    let pairs: [Pair; 11] = [
        (
            KeyComponent::Principal,
            from(ada().with_issuer("a"), call("x")),
            from(ada().with_issuer("b"), call("x")),
            true,
        ),
        (
            KeyComponent::Principal,
            from(ada().with_tenant("a"), call("x")),
            from(ada(), call("x")),
            false,
        ),
        (
            KeyComponent::Tenant,
            from(ada().with_tenant("a"), call("x")),
            from(ada().with_tenant("b"), call("x")),
            true,
        ),
        (
            KeyComponent::ClientId,
            from(ada().with_client_id("a"), call("x")),
            from(ada().with_client_id("b"), call("x")),
            true,
        ),
        (KeyComponent::Tool, call("a"), call("b"), true),
        (
            KeyComponent::Tool,
            requests::read_resource(1, "a:1"),
            requests::read_resource(1, "a:2"),
            false,
        ),
        (
            KeyComponent::Method,
            call("a"),
            requests::get_prompt(1, "a", json!({})),
            true,
        ),
        (KeyComponent::Method, call("a"), call("b"), false),
        (
            KeyComponent::ClientAddress,
            at("192.0.2.1"),
            at("192.0.2.2"),
            true,
        ),
        (
            KeyComponent::ClientAddress,
            at("2001:db8::1"),
            at("2001:db8::2"),
            false,
        ),
        (
            KeyComponent::custom(|call| call.target.map(str::to_uppercase)),
            call("a"),
            call("A"),
            false,
        ),
    ];
    for (part, one, other, apart) in pairs {
        let what = format!("{part:?}");
        let (layer, _) = limiter([rule().key([part])]);
        assert_eq!(how_many(&layer, || one.clone()), 3, "{what}");
        assert_eq!(
            how_many(&layer, || other.clone()),
            if apart { 3 } else { 0 },
            "{what}"
        );
    }
}

#[test]
fn parts_do_not_run_into_each_other() {
    let (layer, _) = limiter([rule()]);
    for (subject, tool) in [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")] {
        assert_eq!(
            how_many(&layer, || by(subject, call(tool))),
            3,
            "{subject} {tool}"
        );
    }
}

#[test]
fn tools_are_named_exactly_or_by_how_they_begin() {
    let (layer, _) = limiter([
        rule().tools(["dig", "db_*"]).key([]),
        Rule::new("exact", a_second(2)).tools(["cut"]).key([]),
    ]);
    assert_eq!(how_many(&layer, || call("digger")), 100);
    assert_eq!(how_many(&layer, || call("d")), 100);
    assert_eq!(
        how_many(&layer, || requests::get_prompt(1, "dig", json!({}))),
        100
    );
    assert_eq!(how_many(&layer, || call("cut")), 2);
    assert!(passes(&layer, call("dig")));
    assert!(passes(&layer, call("db_")));
    assert!(passes(&layer, call("db_drop")));
    assert!(!passes(&layer, call("dig")));
}

#[test]
fn a_call_costs_what_its_rule_says() {
    let cost = |rule: Rule, request: fn() -> JsonRpcRequest| {
        let (layer, _) = limiter([rule]);
        how_many(&layer, request)
    };
    let rule = || Rule::new("r", a_second(12));
    let rows = || JsonRpcRequest::call_tool(1, "export", json!({ "rows": 6 }));
    assert_eq!(cost(rule(), rows), 12);
    assert_eq!(cost(rule().cost(n(4)), rows), 3);
    assert_eq!(cost(rule().cost_of_tool("export", n(3)), rows), 4);
    assert_eq!(cost(rule().cost_of_tool("import", n(3)), rows), 12);
    let by_rows = rule().cost_by(|call| {
        let rows = call
            .arguments
            .get("rows")
            .and_then(serde_json::Value::as_u64);
        u32::try_from(rows.unwrap_or(0)).unwrap_or(u32::MAX)
    });
    assert_eq!(cost(by_rows.clone(), rows), 2);
    assert_eq!(cost(by_rows.clone(), || call("export")), 100);
    // More than there can be counts as all there is.
    let many = || JsonRpcRequest::call_tool(1, "export", json!({ "rows": u64::MAX }));
    assert_eq!(cost(by_rows, many), 1);
}

#[test]
fn each_round_of_a_request_is_charged_unless_it_is_said_otherwise() {
    let round = || requests::continuation(requests::call_tool(1, "dig", json!({})));
    let (layer, _) = limiter([rule()]);
    assert_eq!(how_many(&layer, round), 3);
    let (layer, _) = limiter([rule().free_continuations()]);
    assert_eq!(how_many(&layer, round), 100);
    assert_eq!(
        how_many(&layer, || requests::call_tool(1, "dig", json!({}))),
        3
    );
}

#[test]
fn a_call_that_one_rule_refuses_costs_nothing_of_the_others() {
    let (layer, _) = limiter([
        Rule::new("all", a_second(10)).key([]),
        Rule::new("tool", a_second(2)).key([KeyComponent::Tool]),
    ]);
    assert_eq!(how_many(&layer, || call("dig")), 2);
    // Eight of ten are left for the others, though a hundred calls were tried.
    let others: usize = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|tool| how_many(&layer, || call(tool)))
        .sum();
    assert_eq!(others, 8);
}

#[test]
fn a_noisy_tenant_leaves_the_others_alone() {
    let (layer, _) = limiter([rule().key([KeyComponent::Tenant])]);
    let of = |tenant: &str| {
        let principal = Principal::new("ada", Authentication::Bearer).with_tenant(tenant);
        from(principal, call("dig"))
    };
    let noisy = (0..10_000).filter(|_| passes(&layer, of("noisy"))).count();
    assert_eq!(noisy, 3);
    for tenant in 0..100 {
        assert_eq!(how_many(&layer, || of(&format!("quiet-{tenant}"))), 3);
    }
}
