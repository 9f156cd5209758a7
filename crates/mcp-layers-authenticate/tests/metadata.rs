//! The metadata of a protected resource.
#![allow(clippy::unwrap_used)]

use mcp_layers_authenticate::ResourceMetadata;

#[test]
fn the_well_known_path_is_between_host_and_path() {
    let url = |resource| ResourceMetadata::new(resource).unwrap().url();
    let at = "/.well-known/oauth-protected-resource";
    assert_eq!(url("https://a.example"), format!("https://a.example{at}"));
    assert_eq!(url("https://a.example/"), format!("https://a.example{at}"));
    assert_eq!(
        url("https://a.example/x/mcp"),
        format!("https://a.example{at}/x/mcp")
    );
    assert_eq!(
        url("http://A.example:80/m"),
        format!("http://a.example{at}/m")
    );
    assert_eq!(
        url("http://[::1]:8080/m"),
        format!("http://[::1]:8080{at}/m")
    );
}

#[test]
fn a_resource_is_an_absolute_url() {
    for text in [
        "",
        "/mcp",
        "a.example",
        "ftp://a.example",
        "https://a.example/#f",
        "https://u:p@a.example/",
        "https://a.example/?q",
        "https://a.example/\"",
        "https://:844~/mcp",
        "https://a.example:/mcp",
        "https://a.example:99999/mcp",
    ] {
        assert!(ResourceMetadata::new(text).is_err(), "{text}");
    }
}
