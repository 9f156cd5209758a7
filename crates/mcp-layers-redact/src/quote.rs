//! Quoted texts, with the quotes and prefixes of many languages.

use crate::scan::{run, run_back};

/// Quotation marks as XML, JSON and URLs escape them.
pub(crate) const ESCAPED_QUOTES: [&str; 8] = [
    "&quot;", "&#34;", "&#39;", "&apos;", "\\u0022", "\\u0027", "%22", "%27",
];

/// The quoted text at `from`, with a prefix such as `b` or `r#`: where it begins and ends.
pub(crate) fn quoted(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = &text[from..];
    if let Some(mark) = ESCAPED_QUOTES.iter().find(|mark| rest.starts_with(**mark)) {
        let start = from + mark.len();
        let end = text[start..].find(mark);
        return Some((start, end.map_or(text.len(), |end| start + end)));
    }
    let prefix = run(rest, 3, |byte| b"bBrRuUfFcL@$&".contains(&byte));
    let hashes = run(&rest[prefix..], 5, |byte| byte == b'#');
    let escapes = run(&rest[prefix + hashes..], 16, |byte| byte == b'\\');
    if prefix > 2 || hashes > 4 || escapes > 15 || (hashes > 0 && escapes > 0) {
        return None;
    }
    let mark = &rest[prefix + hashes..];
    let quote = mark[escapes..].chars().next()?;
    let close = match quote {
        '"' | '\'' | '`' => quote,
        '“' | '„' => '”',
        '‘' => '’',
        '«' => '»',
        _ => return None,
    };
    let start = from + prefix + hashes + escapes + quote.len_utf8();
    let body = &text[start..];
    let triple = &text[start - quote.len_utf8()..];
    let long = if hashes > 0 {
        Some(format!("{close}{}", "#".repeat(hashes)))
    } else if escapes == 0 && (triple.starts_with("\"\"\"") || triple.starts_with("'''")) {
        Some(close.to_string().repeat(3))
    } else {
        None
    };
    if let Some(long) = long {
        let skip = if hashes > 0 { 0 } else { 2 };
        let start = start + skip;
        let end = text[start..].find(&long);
        return Some((start, end.map_or(text.len(), |end| start + end)));
    }
    Some((start, start + closing(body, escapes, close)))
}

/// Returns where the quote ends whose mark has so many backslashes: at the same mark, or with the
/// text.
fn closing(body: &str, marks: usize, quote: char) -> usize {
    let mut from = 0;
    while let Some(found) = body[from..].find(quote) {
        let at = from + found;
        let escapes = run_back(&body[from..at], usize::MAX, |byte| byte == b'\\');
        // More backslashes escape the quote, which then belongs to the value; pairs are themselves.
        let ends = escapes <= marks || (marks == 0 && escapes % 2 == 0);
        // `''` is how SQL, YAML and shells write a quote within quotes.
        let doubled = quote == '\'' && at > 0 && escapes == 0 && body[at + 1..].starts_with('\'');
        if ends && !doubled {
            return at - escapes.min(marks);
        }
        from = at + quote.len_utf8() + usize::from(ends);
    }
    body.len()
}
