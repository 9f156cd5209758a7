//! Unit tests of `src/name.rs`.

use super::{Kind, classify, is_secret_name};

#[test]
fn names_of_secrets_are_known_in_every_spelling() {
    let names = "password Password1 DB_PASSWORD dbPassword PGPASSWORD API-Key apikey \
        spring.datasource.password x_access_token clientSecret Set-Cookie SMTP_PASS \
        aws_secret_access_key newPasswordConfirmation GITHUB_TOKEN refreshToken AccountKey \
        SharedAccessSignature token pin Ocp-Apim-Subscription-Key";
    for name in names.split_whitespace() {
        assert!(is_secret_name(name), "{name}");
    }
    assert_eq!(classify("Proxy-Authorization"), Some(Kind::Header));
}

#[test]
fn other_names_are_not() {
    let names = "query nextPageToken syncToken nextSyncToken next_token progressToken _ - \
        pagetoken max_tokens tokens token_type tokenizer password_length passwordPolicy \
        passwordless secretName primary_key bypass author compass keyboard public_key spin";
    for name in names.split_whitespace().chain([""]) {
        assert!(!is_secret_name(name), "{name}");
    }
}
