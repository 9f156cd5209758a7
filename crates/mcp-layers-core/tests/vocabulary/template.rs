use mcp_layers_core::{Catalog, ListedKind::Resource};

struct Template(Catalog);

impl Template {
    fn new(template: &str) -> Self {
        Self(Catalog::new().with_resource_templates([template]))
    }

    fn matches(&self, uri: &str) -> bool {
        self.0.knows(Resource, uri)
    }
}

#[test]
fn a_simple_variable_stays_within_a_segment() {
    let template = Template::new("file:///notes/{name}.txt");
    assert!(template.matches("file:///notes/today.txt"));
    for uri in [
        "file:///notes/.txt",
        "file:///notes/a/b.txt",
        "file:///notes/today.md",
        "file:///notes/today.txt?x",
        "file:///notes/today.txt/more",
    ] {
        assert!(!template.matches(uri), "{uri}");
    }
}

#[test]
fn operators_take_paths_queries_and_nothing() {
    assert!(Template::new("file:///{+path}").matches("file:///a/b/c"));
    assert!(Template::new("db://t{?limit,offset}").matches("db://t?limit=5"));
    assert!(Template::new("db://t{?limit,offset}").matches("db://t"));
    assert!(!Template::new("db://t{?limit}").matches("db://u"));
}

#[test]
fn neighbouring_variables_share_what_lies_between_literals() {
    let template = Template::new("x://{a}-{b}/end");
    assert!(template.matches("x://1-2-3/end"));
    assert!(!template.matches("x://1/end"));
}

#[test]
fn an_unclosed_expression_is_literal() {
    assert!(Template::new("x://{a").matches("x://{a"));
    assert!(!Template::new("x://{a").matches("x://b"));
}
