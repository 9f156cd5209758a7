use mcp_layers_core::http::{BearerError, Challenge};
use proptest::prelude::{any, prop_assert, proptest};

#[test]
fn a_bare_challenge_has_no_error() {
    assert_eq!(Challenge::new().to_header_value(), "Bearer");
    let none = Challenge::new().with_scopes([""; 0]).unwrap();
    assert_eq!(none.to_header_value(), "Bearer");
}

#[test]
fn scopes_keep_their_order_without_duplicates() {
    let challenge = Challenge::new().with_scopes(["b", "a", "b", "ab"]).unwrap();
    assert_eq!(challenge.to_header_value(), "Bearer scope=\"b a ab\"");
}

#[test]
fn values_that_could_leave_their_quotes_are_refused() {
    for text in [
        "",
        "a\"b",
        "a\\",
        "a\r\nSet-Cookie: b",
        "\u{7f}",
        "ü",
        "a\tb",
    ] {
        assert!(Challenge::new().with_scopes([text]).is_err(), "{text:?}");
        assert!(Challenge::new().with_description(text).is_err(), "{text:?}");
        let url = format!("https://a.example/{text}");
        let url = Challenge::new().with_resource_metadata(url);
        assert!(text.is_empty() || url.is_err(), "{text:?}");
    }
    assert!(Challenge::new().with_scopes(["a b"]).is_err());
    assert!(
        Challenge::new()
            .with_resource_metadata("/relative")
            .is_err()
    );
    assert!(
        Challenge::new()
            .with_resource_metadata("javascript:1")
            .is_err()
    );
}

proptest! {
    #[test]
    fn accepted_values_stay_inside_their_quotes(text in any::<String>()) {
        let challenge = Challenge::new().with_error(BearerError::InvalidToken);
        if let Ok(challenge) = challenge.with_description(text.as_str()) {
            let value = challenge.to_header_value();
            let value = value.to_str().unwrap();
            let end = format!("error_description=\"{text}\"");
            prop_assert!(value.ends_with(&end));
            prop_assert!(value.matches('"').count() == 4);
        }
    }
}
