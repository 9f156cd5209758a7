//! Names of secrets: `password`, `DB_PASSWORD`, `clientSecret`, `X-Api-Key`.

/// The certainty that a name stands for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A header whose whole line is secret: `Authorization`, `Cookie`.
    Header,
    /// A secret in every context.
    Strong,
    /// A word that also has other meanings: `token`, `pass`, `auth`.
    Weak,
    /// A weak name whose secrets are numbers: `pin`, `otp`.
    Number,
}

/// Only the end of a longer name is looked at.
const MAX_NAME: usize = 128;

/// Parts of words that always stand for a secret.
const PARTS: &str = "\
    password passwd passwort kennwort passphrase contrasena contraseña motdepasse пароль 密码 \
    credential apikey secretkey privatekey accesskey accountkey sharedkey masterkey signingkey \
    encryptionkey";

/// Whole words that always stand for a secret.
const WORDS: &str = "\
    secret secrets pwd creds senha pgpass";

/// The word before `key` that makes it a secret.
const KEYS: &str = "\
    access account admin aes anthropic api app application auth aws azure cipher client consumer \
    crypto decryption deploy encryption functions google hmac jwt licence license master openai \
    private root secret service session shared sign signing ssh storage stripe subscription \
    symmetric webhook";

/// The word before `token` that makes it no secret: pages of lists, tokens of a parser or a model.
pub(crate) const HARMLESS_TOKENS: &str = "\
    bos cancel cancellation change cls completion continuation continue cursor delta end eos \
    expected image input invalid list mask max min next num output pad page pagination paging per \
    prev previous progress prompt resume sep special start stop sync syntax total unexpected unk \
    unknown watch";

/// The word before `tokens` that makes it several secrets, and no count.
const SECRET_TOKENS: &str = "\
    access api auth bearer device personal refresh session";

/// Last words of names that tell something about a secret, such as `password_length`.
const ABOUT: &str = "\
    age alg algorithm arn at attempt attempts attribute budget changed class column count created \
    description directory disabled enabled endpoint error errors exists expiration expired expires \
    expiry field fields file filename form format help input kind label len length less limit \
    limits link location manager max maximum message messages method min minimum missing mode \
    modified name names param parameter path pattern placeholder policies policy present prompt \
    provider ref refs regex required requirement requirements reset retries rotation rule rules \
    scheme schema scope scopes set size source status store strength title ttl type types updated \
    uri url usage valid validation validator version";

/// Last words that change nothing: `password_confirmation`, `new_password_2`.
const NEUTRAL: &str = "\
    again base64 confirm confirmation current dev encoded new old plain plaintext prod raw staging \
    text value";

/// Names that may hold the name of a secret, whose value stands in a field beside it.
pub(crate) const NAME_FIELDS: &str = "name key header field variable param parameter env";

/// Names of the field beside it.
pub(crate) const VALUE_FIELDS: &str = "value val content values default";

/// Returns whether the word is one of a list, in any case.
pub(crate) fn among(words: &str, word: &str) -> bool {
    let mut words = words.split_ascii_whitespace();
    words.any(|have| have.eq_ignore_ascii_case(word))
}

/// Returns whether the value of a field with this name is a secret: `password`, `api_key`,
/// `X-Auth-Token`, `clientSecret`, in any spelling. Names of what is no secret, such as
/// `nextPageToken`, `max_tokens` and `password_length`, are not.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    classify(name).is_some()
}

pub(crate) fn classify(name: &str) -> Option<Kind> {
    let mut words = words(tail(name));
    while words.len() > 1 && words.last().is_some_and(|word| is_neutral(word)) {
        words.pop();
    }
    let last = words.last()?.as_str();
    let before = words.len().checked_sub(2).map(|at| words[at].as_str());
    let is_about = before.is_some() && among(ABOUT, last);
    if is_about || last == "passwordless" {
        return None;
    }
    let ends = |end: &str| last == end;
    if ends("authorization") || ends("cookie") || ends("cookies") {
        return Some(Kind::Header);
    }
    let strong = |word: &String| {
        among(WORDS, word)
            || word.ends_with("secret")
            || PARTS
                .split_ascii_whitespace()
                .any(|part| word.contains(part))
    };
    let is_key = matches!(last, "key" | "keys") && before.is_some_and(|word| among(KEYS, word));
    if is_key || words.iter().any(strong) {
        return Some(Kind::Strong);
    }
    if let Some(joined) = last.strip_suffix("token") {
        let before = if joined.is_empty() {
            before
        } else {
            Some(joined)
        };
        return match before {
            None => Some(Kind::Weak),
            Some(word)
                if HARMLESS_TOKENS
                    .split_ascii_whitespace()
                    .any(|harmless| is_harmless(word, harmless)) =>
            {
                None
            }
            Some(_) => Some(Kind::Strong),
        };
    }
    if last == "tokens" {
        let secret = before.is_some_and(|word| among(SECRET_TOKENS, word));
        return secret.then_some(Kind::Strong);
    }
    let is_id = last == "id" && matches!(before, Some("session" | "sess"));
    match last {
        _ if is_id => Some(Kind::Weak),
        "pass" | "pw" if before.is_some() => Some(Kind::Strong),
        "pass" | "pw" | "auth" | "signature" | "sig" | "jwt" | "bearer" | "sessionid"
        | "sessid" => Some(Kind::Weak),
        "pin" | "otp" | "totp" | "passcode" | "cvv" | "cvc" => Some(Kind::Number),
        _ => None,
    }
}

/// Returns whether the word is the harmless one, or ends with it as `nextpage` does with `page`.
fn is_harmless(word: &str, harmless: &str) -> bool {
    word == harmless || (harmless.len() > 3 && word.ends_with(harmless))
}

fn is_neutral(word: &str) -> bool {
    among(NEUTRAL, word) || word.bytes().all(|byte| byte.is_ascii_digit())
}

fn tail(name: &str) -> &str {
    let from = name.len().saturating_sub(MAX_NAME);
    let from = (from..=name.len()).find(|at| name.is_char_boundary(*at));
    from.map_or(name, |from| &name[from..])
}

/// The words of a name in lower case: split at `_`, `-`, `.` and where upper case begins.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut chars = name.chars().peekable();
    let mut previous = None;
    while let Some(c) = chars.next() {
        let next_is_lower = chars.peek().is_some_and(|next| next.is_lowercase());
        let begins = c.is_uppercase()
            && previous.is_some_and(|before: char| {
                before.is_lowercase() || (before.is_uppercase() && next_is_lower)
            });
        let is_part = c.is_alphanumeric();
        if (begins || !is_part) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (is_part, words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        previous = Some(c);
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
#[path = "../tests/unit/name.rs"]
mod tests;
