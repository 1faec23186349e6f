//! From a row to what a database takes.

use serde::Serialize;
use std::borrow::Cow;

/// PostgreSQL has no NUL in text, and one row with one would fail its whole batch for ever. Texts of agents and users
/// lose it here, where every text passes; both databases get the same.
pub(crate) fn text(value: &str) -> Cow<'_, str> {
    if value.contains('\0') { Cow::Owned(value.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(value) }
}

pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    let written = serde_json::to_string(value).expect("rows have no keys but strings and write to memory");
    if written.contains("\\u0000") { without_nul(&written) } else { written }
}

/// Nothing, rather than an empty document, for what most rows do not have.
pub(crate) fn json_if<T: Serialize + ?Sized>(present: bool, value: &T) -> Option<String> {
    present.then(|| json(value))
}

pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).expect("ids, counts and versions of the model stay below 2^63")
}

/// Replaces the escape of NUL, but not an escaped backslash followed by `u0000`.
fn without_nul(json: &str) -> String {
    let mut cleaned = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        cleaned.push_str(before);
        let (replacement, length) = if escape.starts_with("\\u0000") { ("\\ufffd", 6) } else { (&escape[..2], 2) };
        cleaned.push_str(replacement);
        rest = &escape[length..];
    }
    cleaned.push_str(rest);
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_replaced_and_nothing_else() {
        for given in ["", "plain", "a\0b", "\0", "back\\slash", "\\u0000", "\\\0", "\"\\\\u0000\0\n\u{1}"] {
            let expected = text(given).into_owned();
            assert_eq!(serde_json::from_str::<String>(&json(given)).unwrap(), expected, "{given:?}");
            assert!(!expected.contains('\0'));
        }
    }
}
