//! Keys made of several components, as bytes, and the hasher of tables.

/// The hasher of tables whose keys callers may choose: fast, and seeded at random for each table.
///
/// It is not cryptographic, which is enough here: no hash ever reaches a caller, so the seed stays
/// unknown, and without it a caller cannot choose keys that collide.
pub type KeyHasher = foldhash::quality::RandomState;

/// A writer of key bytes in which every component is preceded by its length.
///
/// Two keys written by the same calls are equal exactly when their components are equal: no
/// delimiter in a name can make one key look like another.
///
/// ```
/// use mcp_layers_core::KeyWriter;
///
/// let key = |a: &str, b: &str| {
///     let mut bytes = Vec::new();
///     KeyWriter::new(&mut bytes).text(a).text(b);
///     bytes
/// };
/// assert_ne!(key("ab", "c"), key("a", "bc"));
/// ```
#[derive(Debug)]
pub struct KeyWriter<'a>(&'a mut Vec<u8>);

/// The length of a component, as bytes.
const LENGTH: usize = size_of::<u64>();

impl<'a> KeyWriter<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    /// Appends one byte that tells this key from keys of other shapes.
    pub fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.push(tag);
        self
    }

    /// Appends a component.
    pub fn bytes(&mut self, component: &[u8]) -> &mut Self {
        self.0
            .extend_from_slice(&(component.len() as u64).to_le_bytes());
        self.0.extend_from_slice(component);
        self
    }

    /// Appends a component that is text.
    pub fn text(&mut self, component: &str) -> &mut Self {
        self.bytes(component.as_bytes())
    }

    /// Appends a component that may be absent. An absent component differs from an empty one.
    pub fn optional(&mut self, component: Option<&str>) -> &mut Self {
        match component {
            Some(text) => self.text(text),
            None => self.absent(),
        }
    }

    /// Appends the mark of an absent component.
    pub fn absent(&mut self) -> &mut Self {
        self.0.extend_from_slice(&u64::MAX.to_le_bytes());
        self
    }

    /// Appends a component that `write` appends to the buffer it is given.
    pub fn with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let start = self.0.len();
        self.0.extend_from_slice(&[0; LENGTH]);
        write(self.0);
        let length = (self.0.len() - start - LENGTH) as u64;
        self.0[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
        self
    }
}
