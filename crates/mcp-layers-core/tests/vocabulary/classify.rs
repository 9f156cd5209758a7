use mcp_layers_core::{ByCode, Class, Classify};
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
