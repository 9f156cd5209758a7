use mcp_layers_core::{ByCode, Class, Classify, ClassifyOutages, ClassifyToolErrors};
use mcp_layers_core::{Method, Outcome};

#[test]
fn results_succeed_and_codes_decide_the_rest() {
    let class = |outcome| ByCode::default().classify(Method::CallTool, &outcome);
    let code = |code| {
        class(Outcome::Protocol {
            code,
            message: "",
            data: None,
        })
    };
    for outcome in [
        Outcome::Success,
        Outcome::ToolError,
        Outcome::InputRequired,
        Outcome::TaskCreated,
    ] {
        assert_eq!(class(outcome), Class::Success);
    }
    for caller in [
        -32700, -32600, -32601, -32602, -32002, -32020, -32021, -32022, -32042, 401, 403,
    ] {
        assert_eq!(code(caller), Class::CallerError, "{caller}");
    }
    for failure in [-32603, 503, 504, -32000, 7] {
        assert_eq!(code(failure), Class::Failure, "{failure}");
    }
    assert_eq!(code(499), Class::Neutral);
}

#[test]
fn servers_that_answer_failures_as_tool_errors_or_as_internal_errors_have_a_classifier() {
    let code = |code| Outcome::Protocol {
        code,
        message: "",
        data: None,
    };
    let tools = ClassifyToolErrors::new();
    let outages = ClassifyOutages::new();
    let both = ClassifyToolErrors::with(ClassifyOutages::new());
    let class = |classify: &dyn Classify, outcome| classify.classify(Method::CallTool, &outcome);
    assert_eq!(class(&tools, Outcome::ToolError), Class::Failure);
    assert_eq!(class(&tools, code(-32603)), Class::Failure);
    assert_eq!(class(&outages, Outcome::ToolError), Class::Success);
    assert_eq!(class(&outages, code(-32603)), Class::Neutral);
    assert_eq!(class(&outages, code(503)), Class::Failure);
    assert_eq!(class(&outages, code(-32602)), Class::CallerError);
    assert_eq!(class(&both, Outcome::ToolError), Class::Failure);
    assert_eq!(class(&both, code(-32603)), Class::Neutral);
    assert_eq!(both.classify_failure(Method::CallTool), Class::Failure);
}
