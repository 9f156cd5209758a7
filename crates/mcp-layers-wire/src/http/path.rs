//! The path of the endpoint, however it is written.

use percent_encoding::percent_decode_str;

/// The segments of a path as a lenient router may read them: decoded, in lower case, without empty
/// segments and parameters.
pub(super) fn segments(path: &str) -> Vec<String> {
    read(path, true)
}

fn read(path: &str, goes_up: bool) -> Vec<String> {
    let decoded = percent_decode_str(path).decode_utf8_lossy().to_lowercase();
    let mut segments = Vec::new();
    for segment in decoded.split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." if goes_up => _ = segments.pop(),
            name => segments.push(name.to_owned()),
        }
    }
    segments
}

/// Returns true if a path is the endpoint's or below it, for a router that resolves `..` or for one
/// that does not.
pub(super) fn is_at_or_below(path: &str, endpoint: &[String]) -> bool {
    read(path, true).starts_with(endpoint) || read(path, false).starts_with(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_of_the_path_are_the_path() {
        let endpoint = segments("/mcp");
        for path in [
            "/mcp",
            "/mcp/",
            "//mcp",
            "/MCP",
            "/%6dcp",
            "/mcp/x",
            "/a/../mcp",
            "/./mcp",
            "/mcp;a=1",
            "/a%2f..%2fmcp",
            "\\mcp",
            "/mcp/..",
        ] {
            assert!(is_at_or_below(path, &endpoint), "{path}");
        }
        for path in ["/", "/mcpx", "/health", "/a/mcp"] {
            assert!(!is_at_or_below(path, &endpoint), "{path}");
        }
    }
}
