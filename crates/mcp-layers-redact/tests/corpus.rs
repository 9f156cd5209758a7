//! Texts that are redacted, and texts that stay, from `tests/corpus`.
#![allow(clippy::unwrap_used)]

use mcp_layers_redact::Redactor;

fn texts(corpus: &str) -> Vec<String> {
    let lines = corpus
        .lines()
        .filter(|line| !line.starts_with("# ") && !line.is_empty());
    lines.map(|line| line.replace('⏎', "\n")).collect()
}

#[test]
fn secrets_are_absent() {
    let texts = texts(include_str!("corpus/redacted.txt"));
    assert!(texts.len() >= 150, "{}", texts.len());
    let mut faults = Vec::new();
    for line in &texts {
        let (secret, text) = line.split_once('\t').unwrap_or(("hunter2", line));
        let redacted = Redactor::credentials().redact(text);
        let left = redacted.to_lowercase().contains(&secret.to_lowercase());
        let again = Redactor::credentials().redact(&redacted);
        if left || again != redacted || !text.to_lowercase().contains(&secret.to_lowercase()) {
            faults.push(format!("{text}\n    -> {redacted}\n    -> {again}"));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        texts.len(),
        faults.join("\n")
    );
}

#[test]
fn other_texts_stay_to_the_letter() {
    let texts = texts(include_str!("corpus/kept.txt"));
    assert!(texts.len() >= 150, "{}", texts.len());
    let mut faults = Vec::new();
    for text in &texts {
        let redacted = Redactor::credentials().redact(text);
        if redacted != **text {
            faults.push(format!("{text}\n    -> {redacted}"));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        texts.len(),
        faults.join("\n")
    );
}
