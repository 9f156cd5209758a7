//! Sentences about a field, as opposed to its value: `password: must have 8 characters`.

use crate::name::among;

/// Words of validation messages.
const VALIDATION: &str = "\
    allowed alphanumeric bad blank cannot can't cant character characters chars common contain \
    contains denied digit digits disabled empty enabled error exceed exceeds expected expired \
    failed forbidden format hidden incorrect invalid least length letter letters long longer \
    lowercase malformed mandatory match matches maximum minimum mismatch missing most must need \
    needed needs not null number numbers optional present provided recently rejected require \
    required requires reset revoked short shorter should similar special specified str string \
    strong stronger symbol symbols too undefined unknown unset unsupported uppercase valid \
    verified weak wrong";

/// Other words of such sentences.
const COMMON: &str = "\
    a account all already also an and any are argument as at authentication be been before between \
    both boolean but by bytes can change changed check choose config confirm could data did do \
    does don't either enough enter entered environment exactly field fields file flag for found \
    from given got had has have header here how if in input instead int integer is it its key keys \
    less login made may more name near never new no object of on one only option or other our \
    parameter password passwords please policy property received same secret see set shall so some \
    such text than that the their them then there they this those to token try type unable unless \
    up use used user username value values variable was were when which will with within without \
    you your";

/// Longer values are no messages.
pub(crate) const MAX_MESSAGE: usize = 300;

/// Returns whether the text is a message about a value: words and small numbers alone, of which at
/// least half are common ones and one is of validation.
pub(crate) fn is_message(text: &str) -> bool {
    if text.len() > MAX_MESSAGE {
        return false;
    }
    let (mut all, mut known, mut validation) = (0, 0, 0);
    for word in text.split([' ', '_', '\n', '\t']).map(plain) {
        if word.is_empty() {
            continue;
        }
        all += 1;
        if word.len() <= 4 && word.bytes().all(|byte| byte.is_ascii_digit()) {
            known += 1;
        } else if !is_word(word) {
            return false;
        } else if among(VALIDATION, word) {
            known += 1;
            validation += 1;
        } else if among(COMMON, word) {
            known += 1;
        }
    }
    validation > 0 && known * 2 >= all
}

/// Returns whether a sentence begins here rather than a value: its first word is a common one, and
/// one of the first five is of validation.
pub(crate) fn begins_sentence(text: &str) -> bool {
    let mut words = text.split(' ').map(plain).take(5);
    let Some(first) = words.next() else {
        return false;
    };
    is_common(first) && (among(VALIDATION, first) || words.any(|word| among(VALIDATION, word)))
}

/// Returns whether the word stands in sentences about secrets.
pub(crate) fn is_common(word: &str) -> bool {
    let word = plain(word);
    among(VALIDATION, word) || among(COMMON, word)
}

fn plain(word: &str) -> &str {
    word.trim_matches([
        '.', ',', ':', ';', '!', '?', '(', ')', '"', '\'', '`', '[', ']', '{', '}',
    ])
}

fn is_word(word: &str) -> bool {
    // No mix of cases inside a word, as there is in what a machine has made.
    let mut letters = word.chars().skip(1).filter(|c| c.is_alphabetic());
    let upper = letters.next().is_some_and(char::is_uppercase);
    word.chars()
        .all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-' | '/'))
        && letters.all(|c| c.is_uppercase() == upper)
}

#[cfg(test)]
#[path = "../tests/unit/message.rs"]
mod tests;
