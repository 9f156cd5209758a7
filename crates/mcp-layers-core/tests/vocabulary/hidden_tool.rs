use mcp_layers_core::hidden_tool::{is_hidden, scope};

#[test]
fn a_name_is_hidden_inside_its_scope_alone() {
    scope(&"a".into(), || {
        assert!(is_hidden("a") && !is_hidden("b"));
        let inner = std::panic::catch_unwind(|| {
            scope(&"b".into(), || {
                assert!(is_hidden("b") && !is_hidden("a"));
                panic!("the scope ends");
            });
        });
        assert!(inner.is_err() && is_hidden("a"));
    });
    assert!(!is_hidden("a"));
}
