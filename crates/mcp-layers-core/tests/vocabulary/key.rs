use mcp_layers_core::KeyWriter;
use proptest::prelude::*;

fn key(components: &[Option<String>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut key = KeyWriter::new(&mut bytes);
    for component in components {
        key.optional(component.as_deref());
    }
    bytes
}

proptest! {
    #[test]
    fn keys_are_equal_exactly_when_their_components_are(
        a: Vec<Option<String>>,
        b: Vec<Option<String>>,
    ) {
        prop_assert_eq!(key(&a) == key(&b), a == b);
    }
}

#[test]
fn a_component_written_in_place_equals_one_written_whole() {
    let (mut whole, mut placed) = (Vec::new(), Vec::new());
    KeyWriter::new(&mut whole).tag(b'x').text("abc");
    KeyWriter::new(&mut placed)
        .tag(b'x')
        .with(|out| out.extend_from_slice(b"abc"));
    assert_eq!(whole, placed);
}
