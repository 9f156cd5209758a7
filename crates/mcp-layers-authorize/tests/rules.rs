//! Decisions of tables of rules, and tables that are refused.
#![allow(clippy::unwrap_used)]

mod support;

use mcp_layers_authorize::{Access, Decision, Operation, Policy, Rules, RulesBuilder};
use mcp_layers_core::{Authentication, ListedKind, Method, Principal};
use support::{ada, root};

fn may(rules: &Rules, tool: &str, principal: &Principal) -> bool {
    let operation = Operation::call_tool(tool);
    rules.decision(operation, principal).is_allowed()
}

fn reads(rules: &Rules, uri: &str, principal: &Principal) -> bool {
    let operation = Operation::new(Method::ReadResource).on(ListedKind::Resource, uri);
    rules.decision(operation, principal).is_allowed()
}

#[test]
fn the_most_specific_rule_decides_alone() {
    let rules = Rules::builder()
        .tool("*", Access::scopes(["tools"]))
        .tool("admin_*", Access::scopes(["admin"]))
        .tool("admin_status", Access::any_principal())
        .build()
        .unwrap();
    let guest = Principal::new("guest", Authentication::ApiKey);
    assert!(may(&rules, "echo", &ada()) && !may(&rules, "echo", &guest));
    assert!(!may(&rules, "admin_reset", &ada()) && may(&rules, "admin_reset", &root()));
    assert!(may(&rules, "admin_status", &guest) && !may(&rules, "admin_status2", &guest));
}

#[test]
fn a_broader_scope_does_for_a_narrower_one() {
    let rules = Rules::builder()
        .tool("look", Access::scopes(["read"]))
        .tool("edit", Access::scopes(["read", "write"]))
        .implies("admin", "write")
        .implies("write", "read")
        .build()
        .unwrap();
    let with = |scope: &str| Principal::new("p", Authentication::Bearer).with_scopes([scope]);
    assert!(may(&rules, "edit", &with("admin")) && may(&rules, "edit", &with("write")));
    assert!(may(&rules, "look", &with("admin")) && may(&rules, "look", &with("read")));
    assert!(!may(&rules, "edit", &with("read")));
    let Decision::Deny(denial) = rules.decision(Operation::call_tool("edit"), &with("read")) else {
        panic!("it is a denial");
    };
    assert_eq!(denial.missing_scopes().collect::<Vec<_>>(), ["write"]);
    assert_eq!(
        denial.required_scopes().collect::<Vec<_>>(),
        ["read", "write"]
    );
}

#[test]
fn roles_and_tenants_must_hold_besides() {
    let access = Access::scopes(["tools"])
        .with_any_role(["operator", "owner"])
        .with_any_tenant(["acme"]);
    let rules = Rules::builder().tool("deploy", access).build().unwrap();
    let full = || ada().with_roles(["owner"]).with_tenant("acme");
    assert!(may(&rules, "deploy", &full()));
    assert!(!may(&rules, "deploy", &full().with_roles(["guest"])));
    assert!(!may(&rules, "deploy", &full().with_tenant("other")));
    assert!(!may(&rules, "deploy", &full().with_scopes(["x"])));
    assert!(!may(&rules, "deploy", &ada().with_roles(["owner"])));
}

#[test]
fn a_uri_that_can_be_read_otherwise_matches_no_pattern() {
    let rules = Rules::builder()
        .resource("file:///files/*", Access::any_principal())
        .resource("file:///files/secret/*", Access::nobody())
        .resource("file:///odd/../exact", Access::any_principal())
        .otherwise(Access::any_principal())
        .build()
        .unwrap();
    assert!(reads(&rules, "file:///files/a", &ada()));
    assert!(reads(&rules, "file:///elsewhere", &ada()));
    assert!(reads(&rules, "file:///odd/../exact", &ada()));
    for uri in [
        "file:///files/secret/a",
        "file:///files//secret/a",
        "file:///files/./secret/a",
        "file:///files/x/../secret/a",
        "file:///files/%73ecret/a",
        "file:///files/secret%2Fa",
        "file:///files/x%2F..%2Fsecret/a",
        "FILE:///files/secret/a",
        "file:///files/x/..\\secret/a",
        "no uri",
    ] {
        assert!(!reads(&rules, uri, &ada()), "{uri}");
    }
}

#[test]
fn what_has_no_name_is_hidden() {
    let rules = Rules::builder()
        .tool("*", Access::any_principal())
        .build()
        .unwrap();
    let nameless = Operation::new(Method::CallTool);
    assert!(matches!(
        rules.decision(nameless, &ada()),
        Decision::Hide(_)
    ));
}

#[test]
fn the_lifecycle_is_always_allowed() {
    let rules = Rules::builder().build().unwrap();
    for method in [Method::Initialize, Method::Discover, Method::Ping] {
        assert!(rules.decision(Operation::new(method), &ada()).is_allowed());
    }
    let list = rules.decision(Operation::new(Method::ListTools), &ada());
    assert!(list.is_allowed(), "it is filtered");
}

#[test]
fn a_method_can_ask_for_more() {
    let rules = Rules::builder()
        .tool("*", Access::any_principal())
        .method("logging/setLevel", Access::scopes(["admin"]))
        .method("tools/list", Access::nobody())
        .build()
        .unwrap();
    let set_level = Operation::new(Method::SetLevel);
    assert!(!rules.decision(set_level, &ada()).is_allowed());
    assert!(rules.decision(set_level, &root()).is_allowed());
    let list = Operation::new(Method::ListTools);
    assert!(!rules.decision(list, &root()).is_allowed());
}

#[test]
fn tables_that_cannot_be_meant_are_refused() {
    let any = Access::any_principal;
    let refused: [(&str, RulesBuilder); 20] = [
        ("empty", Rules::builder().tool("", any())),
        ("star", Rules::builder().tool("a*b", any())),
        ("control", Rules::builder().prompt("a\n", any())),
        ("twice", Rules::builder().tool("a", any()).tool("a", any())),
        (
            "pattern twice",
            Rules::builder().tool("a*", any()).tool("a*", any()),
        ),
        ("no scheme", Rules::builder().resource("notes/*", any())),
        (
            "no scheme, exact",
            Rules::builder().resource("notes", any()),
        ),
        (
            "not normal",
            Rules::builder().resource("file:///a/../*", any()),
        ),
        ("upper case", Rules::builder().resource("FILE:///*", any())),
        (
            "other hosts",
            Rules::builder().resource("https://a.example*", any()),
        ),
        (
            "unknown method",
            Rules::builder().method("tools/cal", any()),
        ),
        ("lifecycle", Rules::builder().method("initialize", any())),
        (
            "notification",
            Rules::builder().method("notifications/progress", any()),
        ),
        (
            "method twice",
            Rules::builder()
                .method("tools/call", any())
                .method("tools/call", any()),
        ),
        (
            "known method",
            Rules::builder().other_method("tools/call", any()),
        ),
        (
            "other twice",
            Rules::builder()
                .other_method("x/y", any())
                .other_method("x/y", any()),
        ),
        ("scope", Rules::builder().tool("a", Access::scopes(["a b"]))),
        (
            "scope of default",
            Rules::builder().otherwise(Access::scopes([""])),
        ),
        ("circle", circle()),
        (
            "unneeded",
            Rules::builder()
                .tool("a", Access::scopes(["x"]))
                .implies("y", "z"),
        ),
    ];
    for (what, rules) in refused {
        assert!(rules.build().is_err(), "{what}");
    }
    let fine = Rules::builder()
        .resource("*", any())
        .resource("https://a.example/*", any())
        .resource("test://*", any())
        .resource("urn:*", any())
        .other_method("x/y", any());
    assert!(fine.build().is_ok());
}

fn circle() -> RulesBuilder {
    let rules = Rules::builder().tool("a", Access::scopes(["x"]));
    rules.implies("x", "y").implies("y", "x")
}

#[test]
fn a_rule_for_one_uri_holds_for_every_spelling_of_it() {
    let rules = Rules::builder()
        .resource("*", Access::any_principal())
        .resource("file:///notes/*", Access::any_principal())
        .resource("file:///notes/secret.txt", Access::nobody().hidden())
        .resource("https://a.example/secret", Access::nobody().hidden())
        .resource("test://hidden/*", Access::nobody().hidden())
        .build()
        .unwrap();
    for uri in [
        "file:///notes/secret.txt",
        "file:///notes/secret.txt#",
        "file:///notes/secret.txt#a",
        "file:///notes/secret.txt?",
        "file:///notes/secret.txt?a=b",
        "file:///notes/secret.txt?a#b",
        "file:///notes/secret.txt/",
        "file:///notes/secret.txt//",
        "file:///notes/secret.txt.",
        "file:///notes/secret.txt%20",
        "file:///notes/secret.txt/?a",
        "file:///notes/secret%2Etxt",
        "file:///notes/%73ecret.txt",
        "file:///notes/./secret.txt",
        "file:///notes/a/../secret.txt",
        "file:///notes//secret.txt",
        "file:///notes/secret.txt%00",
        "file:///notes/secret.txt\t",
        "FILE:///notes/secret.txt",
        "file:/notes/secret.txt",
        "file:notes/secret.txt",
        "file://localhost/notes/secret.txt",
        "file://LOCALHOST/notes/secret.txt",
        " file:///notes/secret.txt",
        "https://a.example/secret?a",
        "https://A.example/secret",
        "https://a.example./secret",
        "https://a.example:443/secret",
        "https://a.example:/secret",
        "https://me@a.example/secret",
        "HTTPS://a.example/secret",
        "https:a.example/secret",
        "https:///a.example/secret",
        "https://a.example\\secret",
        "https://ａ.example/secret",
        "test://HIDDEN/a",
        "TEST://hidden/a",
    ] {
        assert!(!reads(&rules, uri, &ada()), "{uri}");
    }
    for uri in [
        "file:///notes/public.txt",
        "file:///notes/public.txt?a",
        "file:///notes/secret.txt2",
        "https://a.example/public?secret",
        "https://b.example/secret",
        "test://shown/a",
        "str:////odd//uri",
    ] {
        assert!(reads(&rules, uri, &ada()), "{uri}");
    }
}

#[test]
fn the_more_specific_rule_decides_about_a_uri_with_a_query() {
    let rules = Rules::builder()
        .resource("test://a/*", Access::any_principal())
        .resource("test://a/b", Access::nobody())
        .resource("test://a/b?open=*", Access::any_principal())
        .resource("test://a/b?closed", Access::any_principal())
        .build()
        .unwrap();
    assert!(!reads(&rules, "test://a/b", &ada()));
    assert!(!reads(&rules, "test://a/b?other", &ada()));
    assert!(reads(&rules, "test://a/b?open=1", &ada()));
    assert!(reads(&rules, "test://a/b?closed", &ada()));
    assert!(reads(&rules, "test://a/c?other", &ada()));
}

#[test]
fn a_rule_for_every_uri_matches_every_uri() {
    let rules = Rules::builder()
        .resource("*", Access::any_principal())
        .build()
        .unwrap();
    for uri in [
        "str:////a//b",
        "file:///a/../b",
        "no uri",
        "",
        "FILE:///a#b",
        "note://日本語",
    ] {
        assert!(reads(&rules, uri, &ada()), "{uri}");
    }
    assert!(!rules.hides(Some(ListedKind::Resource), &ada()));
    assert!(rules.hides(Some(ListedKind::Tool), &ada()), "by default");
}

#[test]
fn a_policy_tells_whether_it_hides_anything_from_a_principal() {
    let rules = Rules::builder()
        .tool("*", Access::scopes(["tools"]))
        .tool("admin_*", Access::scopes(["admin"]).hidden())
        .prompt("*", Access::scopes(["tools"]))
        .build()
        .unwrap();
    let hides = |kind, principal: &Principal| rules.hides(Some(kind), principal);
    assert!(hides(ListedKind::Tool, &ada()) && !hides(ListedKind::Tool, &root()));
    assert!(!hides(ListedKind::Prompt, &ada()));
    assert!(hides(ListedKind::Resource, &root()), "no rule allows any");
    assert!(rules.knows(ListedKind::Tool, "x") == rules.knows(ListedKind::Prompt, "x"));
}

#[test]
fn a_pattern_matches_uris_in_their_normal_form_alone() {
    let mut rules = Rules::builder();
    for scheme in ["file", "http", "https", "test", "urn", "wss"] {
        rules = rules.resource(format!("{scheme}:*"), Access::any_principal());
    }
    let rules = rules.otherwise(Access::any_principal()).build().unwrap();
    for uri in [
        "file:///a/../b",
        "file:///a/./b",
        "file:///..",
        "file:///a//b",
        "file://///a",
        "file:///%61",
        "file:///a/%2e%2e/b",
        "file:///a/%2E%2E/b",
        "file:///a%2Fb",
        "file:///a%2fb",
        "file:///a%5Cb",
        "file:///a\\b",
        "file:///a%00",
        "file:///a%252e",
        "file:///a%",
        "file:///a%2",
        "file:///a b",
        "FILE:///a",
        "File:///a",
        "https://Example.com/a",
        "test://../a",
        "../a",
        "/a",
        "",
        ":a",
        "1a:b",
        "file:///a#",
        "file:///a#b",
        "file:///a?b#c",
        "file:///a%23",
        "file:///a%3Fb",
        "file:///a%2Bb",
        "file:///a[b]",
        "file:///ä",
        "file:/a",
        "file://localhost/a",
        "file://other/a",
        "https:a.example",
        "https://a.example",
        "https://a.example?b",
        "https://a.example:443/",
        "https://a.example:/",
        "https://a.example:0444/",
        "http://a.example:80/",
        "wss://a.example:443/",
        "https://a.example./",
        "https://a..example/",
        "https://me@a.example/",
        "https://ａ.example/",
        "https://%61.example/",
        "http://127.1/",
        "http://0x7f.0.0.1/",
        "http://127.0.0.01/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http:///a",
    ] {
        assert!(!reads(&rules, uri, &ada()), "{uri:?}");
    }
    for uri in [
        "file:///a/b.txt",
        "file:///a/...",
        "file:///a/",
        "file:///a?x=../..//",
        "test://item/7",
        "test://item/{id}",
        "test://Public",
        "urn:isbn:1",
        "https://example.com/%C3%A4%20b",
        "https://example.com:8443/a",
        "http://127.0.0.1/",
        "http://[::1]:8080/",
    ] {
        assert!(reads(&rules, uri, &ada()), "{uri:?}");
    }
}
