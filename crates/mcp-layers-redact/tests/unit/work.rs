//! Unit tests of `src/work.rs`.

use super::VISITED;
use crate::Redactor;

/// Pieces that begin what a scanner looks for and never end it, and what was quadratic once.
const PIECES: &[&str] = &[
    "a¦/¦/a¦:¦::¦\"¦'¦\\¦\\\"¦=¦(¦)¦[¦{¦}¦<¦>¦&¦%26¦ ¦password¦password=¦password: ",
    "password=\"¦password=\\\"¦password='¦password=(¦password={a¦password=Some(",
    "password: a ¦password: |\n¦password:\n - a\n¦password,¦token:¦token: a ¦--password ",
    "--password x¦\"--password\", ¦<password>¦<password ¦<a:password>¦name: password ",
    "name=password value=¦<key>password</key>¦password is ¦password \"¦(\"password\", ",
    "eyJaaaaa-hf_aaaaaaaaaaaaaaaaaaaa-¦eyJ¦eyJaaaaa.¦eyJaaaaa-¦localhost-¦00-00-¦http://",
    "http://a@¦http://a:¦a@tcp(¦@¦bearer ¦-----BEGIN PRIVATE KEY-----¦-----BEGIN ¦sk-",
    "sk-a¦1¦1:¦Cookie: ¦Authorization: a=\"¦\u{200b}a¦\u{1b}[¦\u{1b}]¦${¦&quot;",
];

fn work(redactor: &Redactor, piece: &str, bytes: usize) -> usize {
    VISITED.with(|visited| visited.set(0));
    let _ = redactor.redact(&piece.repeat(bytes / piece.len()));
    VISITED.with(std::cell::Cell::get)
}

#[test]
fn work_is_linear_in_the_length_of_hostile_texts() {
    let redactor = Redactor::credentials();
    for piece in PIECES.iter().flat_map(|pieces| pieces.split('¦')) {
        let (short, long) = (
            work(&redactor, piece, 2_000),
            work(&redactor, piece, 20_000),
        );
        assert!(long <= 15 * short, "{piece:?}: {short} and {long}");
    }
}
