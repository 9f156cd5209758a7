//! Uri templates (RFC 6570), matched against uris.

/// A parsed uri template. The values of its variables do not matter.
#[derive(Debug)]
pub(super) struct Template(Vec<Element>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Byte(u8),
    /// `{name}`: one byte or more, none of them a delimiter of the uri's parts.
    Simple,
    /// An expression with an operator, such as `{+path}`, `{/path*}` or `{?query}`: anything,
    /// nothing too.
    Any,
}

impl Template {
    pub(super) fn new(template: &str) -> Self {
        let mut elements = Vec::new();
        let mut rest = template;
        while let Some((literal, tail)) = rest.split_once('{') {
            let Some((expression, after)) = tail.split_once('}') else {
                break;
            };
            elements.extend(literal.bytes().map(Element::Byte));
            let is_simple = expression.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                && !expression.ends_with('*');
            elements.push(if is_simple {
                Element::Simple
            } else {
                Element::Any
            });
            rest = after;
        }
        elements.extend(rest.bytes().map(Element::Byte));
        Self(elements)
    }

    /// Returns true if the template can expand to `uri`. The time is at most proportional to the
    /// product of both lengths.
    pub(super) fn matches(&self, uri: &str) -> bool {
        // `reached[i]`: the first `i` elements can match what was read so far.
        let mut reached = vec![false; self.0.len() + 1];
        reached[0] = true;
        self.skip_empty(&mut reached);
        for byte in uri.bytes() {
            let mut next = vec![false; reached.len()];
            for (index, element) in self.0.iter().enumerate() {
                match element {
                    Element::Byte(expected) => {
                        next[index + 1] |= reached[index] && byte == *expected;
                    }
                    Element::Simple => {
                        let fits = !matches!(byte, b'/' | b'?' | b'#' | b'&');
                        next[index + 1] |= fits && (reached[index] || reached[index + 1]);
                    }
                    Element::Any => next[index + 1] |= reached[index] || reached[index + 1],
                }
            }
            self.skip_empty(&mut next);
            reached = next;
            if !reached.contains(&true) {
                return false;
            }
        }
        reached[self.0.len()]
    }

    fn skip_empty(&self, reached: &mut [bool]) {
        for (index, element) in self.0.iter().enumerate() {
            reached[index + 1] |= *element == Element::Any && reached[index];
        }
    }
}
