//! The first thing that a new user runs.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::process::Command;

#[test]
fn quickstart_prints_its_calls_and_what_was_measured() {
    let output = Command::new(support::example("quickstart"))
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "");

    for line in [
        "Oslo      7 °C and rain",
        "Atlantis  tool error: no such city",
        "Rome      error -32603: the station is offline",
        "Lima      error 504: Request timed out",
    ] {
        assert!(
            printed.lines().any(|have| have == line),
            "{line}\n{printed}"
        );
    }

    let count = |labels: &[&str]| {
        let of_calls = printed.lines().filter(|line| {
            line.starts_with("mcp_server_operation_duration_seconds_count{")
                && line.contains("mcp_method_name=\"tools/call\"")
                && line.contains("gen_ai_tool_name=\"weather\"")
        });
        let mut found = of_calls.filter(|line| labels.iter().all(|label| line.contains(label)));
        found
            .next()
            .and_then(|line| line.rsplit_once(' '))
            .map(|(_, count)| count.to_owned())
    };
    for error in ["tool_error", "-32603", "timeout"] {
        let label = format!("error_type=\"{error}\"");
        assert_eq!(count(&[&label]).as_deref(), Some("1"), "{error}\n{printed}");
    }
    assert!(printed.contains("le=\"0.01\""), "{printed}");
}
