#![allow(clippy::unwrap_used)]

use mcp_layers_core::{Authentication, Principal};

use super::*;

/// Verifiers of two names, whose principals are called `text`.
fn new(texts: [(&str, &str); 2]) -> New {
    let verifier = |(source, name): (&str, &str)| -> (String, Arc<dyn Verify>) {
        let name = name.to_owned();
        let verify = move |_| {
            let principal = Principal::new(name.as_str(), Authentication::Bearer);
            std::future::ready(Ok::<_, mcp_layers_authenticate::Refusal>(principal))
        };
        (source.to_owned(), Arc::new(verify))
    };
    let [a, b] = texts.map(verifier);
    New::from([("a".to_owned(), a), ("b".to_owned(), b)])
}

async fn subject(verifier: &Replaceable) -> String {
    let verified = verifier.verify(&Credential::bearer("token").unwrap()).await;
    verified.unwrap().principal().subject().to_owned()
}

#[tokio::test]
async fn a_verifier_that_is_made_from_the_same_is_kept() {
    let (verifiers, verifier) = Verifiers::start(new([("1", "first"), ("1", "b")])).unwrap();
    assert_eq!(subject(&verifier).await, "first");
    let generation = verifier.generation();

    verifiers
        .replace(new([("1", "second"), ("1", "b")]))
        .unwrap()();
    assert_eq!(subject(&verifier).await, "first");
    assert_eq!(verifier.generation(), generation);

    // The other one changes.
    verifiers
        .replace(new([("1", "third"), ("2", "b")]))
        .unwrap()();
    assert_eq!(subject(&verifier).await, "first");
    assert_ne!(verifier.generation(), generation);

    verifiers
        .replace(new([("2", "fourth"), ("2", "b")]))
        .unwrap()();
    assert_eq!(subject(&verifier).await, "fourth");
}

#[tokio::test]
async fn a_replacement_that_is_not_made_changes_nothing() {
    let (verifiers, verifier) = Verifiers::start(new([("1", "first"), ("1", "b")])).unwrap();
    drop(
        verifiers
            .replace(new([("2", "second"), ("1", "b")]))
            .unwrap(),
    );
    assert_eq!(subject(&verifier).await, "first");
}
