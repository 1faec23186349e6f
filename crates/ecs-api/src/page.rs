//! Pages of list operations (W-13).
//!
//! A token says after which key the next page begins, and is bound to the operation and to everything the request
//! asked for but the page size, so that a token of another list is refused. Nothing is kept for it on the server: a
//! list that changes between two pages shows what is there when each page is made, and no entry that stays is skipped
//! or shown twice.

use crate::bounds;
use crate::error::ApiError;
use crate::operation::Operation;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Longer tokens are not ours.
const TOKEN_CHARACTERS_MAX: usize = 4096;
const TAG_BYTES: usize = 8;

/// What entries are ordered by, in a form that fits into a token.
pub trait PageKey: Ord + Sized {
    fn encode(&self) -> String;
    fn decode(text: &str) -> Option<Self>;
}

impl PageKey for String {
    fn encode(&self) -> String {
        self.clone()
    }

    fn decode(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// Families with their revisions, which are ordered as numbers (TD-78).
impl PageKey for (String, u64) {
    fn encode(&self) -> String {
        format!("{}:{}", self.0, self.1)
    }

    fn decode(text: &str) -> Option<Self> {
        let (family, revision) = text.rsplit_once(':')?;
        Some((family.to_owned(), revision.parse().ok()?))
    }
}

/// Lists that run downwards.
impl<K: PageKey> PageKey for Reverse<K> {
    fn encode(&self) -> String {
        self.0.encode()
    }

    fn decode(text: &str) -> Option<Self> {
        K::decode(text).map(Reverse)
    }
}

/// A request's place in a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Pager<K> {
    binding: Vec<u8>,
    after: Option<K>,
    pub limit: usize,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_token: Option<String>,
}

impl<K: PageKey> Pager<K> {
    /// Reads `nextToken` and `maxResults` of a validated request; all its other members are filters.
    pub fn of(operation: &Operation, request: &Value) -> Result<Self, ApiError> {
        let (default, max) = bounds::page_sizes(operation.name);
        let limit = match request.get("maxResults").and_then(Value::as_u64) {
            Some(asked) => usize::try_from(asked).unwrap_or(max).clamp(1, max),
            None => default,
        };
        let binding = binding(operation, request);
        let after = match request.get("nextToken").and_then(Value::as_str) {
            // Some clients send an empty token with their first request.
            None | Some("") => None,
            Some(token) => Some(open(&binding, token).ok_or_else(|| {
                ApiError::invalid_parameter(format!(
                    "nextToken is not one that {} gave for a request with these members",
                    operation.name
                ))
            })?),
        };
        Ok(Self { binding, after, limit })
    }

    /// The key that this page begins behind; lists that can seek start there.
    pub fn after(&self) -> Option<&K> {
        self.after.as_ref()
    }

    /// The page of a list that ascends by key. Only as much of it is taken as the page needs.
    pub fn page<T>(&self, list: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Page<T> {
        let mut rest = list.into_iter().skip_while(|item| self.after.as_ref().is_some_and(|after| key(item) <= *after));
        let items: Vec<T> = rest.by_ref().take(self.limit).collect();
        let next_token = match (items.last(), rest.next()) {
            (Some(last), Some(_)) => Some(seal(&self.binding, &key(last).encode())),
            _ => None,
        };
        Page { items, next_token }
    }
}

/// Everything the request asks for but the place in the list; the order in which it was written does not matter.
fn binding(operation: &Operation, request: &Value) -> Vec<u8> {
    let mut text = operation.name.to_owned();
    let members: BTreeMap<&String, &Value> = request.as_object().into_iter().flatten().collect();
    for (name, value) in members.into_iter().filter(|(name, _)| !matches!(name.as_str(), "nextToken" | "maxResults")) {
        let _ = write!(text, "\n{name} {value}");
    }
    text.into_bytes()
}

fn tag(binding: &[u8], key: &str) -> [u8; TAG_BYTES] {
    let digest = Sha256::new().chain_update(binding).chain_update([0]).chain_update(key).finalize();
    std::array::from_fn(|index| digest[index])
}

fn seal(binding: &[u8], key: &str) -> String {
    let mut bytes = tag(binding, key).to_vec();
    bytes.extend(key.as_bytes());
    hex::encode(bytes)
}

fn open<K: PageKey>(binding: &[u8], token: &str) -> Option<K> {
    if token.len() > TOKEN_CHARACTERS_MAX {
        return None;
    }
    let bytes = hex::decode(token).ok()?;
    let (given, key) = bytes.split_at_checked(TAG_BYTES)?;
    let key = std::str::from_utf8(key).ok()?;
    if tag(binding, key) != given {
        return None;
    }
    K::decode(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;
    use serde_json::json;

    fn operation(name: &str) -> &'static Operation {
        Operation::named(name).unwrap()
    }

    fn walk<K: PageKey, T: Clone>(name: &str, limit: u64, list: &[T], key: impl Fn(&T) -> K) -> Vec<Vec<T>> {
        let mut pages = Vec::new();
        let mut request = json!({"maxResults": limit, "cluster": "c"});
        loop {
            let pager: Pager<K> = Pager::of(operation(name), &request).unwrap();
            let page = pager.page(list.iter().cloned(), &key);
            pages.push(page.items);
            match page.next_token {
                Some(token) => request["nextToken"] = token.into(),
                None => return pages,
            }
        }
    }

    #[test]
    fn w13_pages_cover_the_list_and_only_more_results_give_a_token() {
        let list: Vec<String> = (0..5).map(|n| format!("arn{n}")).collect();
        let sizes = |limit| walk("ListTasks", limit, &list, String::clone).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(2), [2, 2, 1]);
        assert_eq!(sizes(5), [5]);
        assert_eq!(sizes(1), [1, 1, 1, 1, 1]);
        assert_eq!(walk("ListTasks", 2, &[] as &[String], String::clone), [[] as [String; 0]]);
        assert_eq!(walk("ListTasks", 3, &list, String::clone).concat(), list);
    }

    #[test]
    fn td78_revisions_run_as_numbers_in_both_directions() {
        let mut list: Vec<(String, u64)> = (1..=12).map(|revision| ("web".to_owned(), revision)).collect();
        assert_eq!(walk("ListTaskDefinitions", 5, &list, Clone::clone).concat(), list);
        list.reverse();
        assert_eq!(walk("ListTaskDefinitions", 5, &list, |item| Reverse(item.clone())).concat(), list);
    }

    #[test]
    fn an_entry_that_goes_between_two_pages_hides_no_other() {
        let pager: Pager<String> = Pager::of(operation("ListTasks"), &json!({"maxResults": 2})).unwrap();
        let token = pager.page(["a", "b", "c"], |item| item.to_string()).next_token.unwrap();
        let request = json!({"maxResults": 2, "nextToken": token});
        let pager: Pager<String> = Pager::of(operation("ListTasks"), &request).unwrap();
        assert_eq!(pager.page(["a", "c", "d"], |item| item.to_string()).items, ["c", "d"]);
        assert_eq!(pager.after(), Some(&"b".to_owned()));
    }

    #[test]
    fn w13_foreign_and_malformed_tokens_are_refused() {
        let pager: Pager<String> =
            Pager::of(operation("ListTasks"), &json!({"maxResults": 1, "cluster": "a"})).unwrap();
        let token = pager.page(["x", "y"], |item| item.to_string()).next_token.unwrap();
        let open = |name: &str, request: Value| Pager::<String>::of(operation(name), &request);
        open("ListTasks", json!({"cluster": "a", "nextToken": token})).unwrap();
        open("ListTasks", json!({"nextToken": ""})).unwrap();
        let cut = &token[..token.len() - 2];
        for (name, request) in [
            ("ListTasks", json!({"cluster": "b", "nextToken": token})),
            ("ListTasks", json!({"nextToken": token})),
            ("ListTasks", json!({"cluster": "a", "family": "f", "nextToken": token})),
            ("ListServices", json!({"cluster": "a", "nextToken": token})),
            ("ListTasks", json!({"cluster": "a", "nextToken": cut})),
            ("ListTasks", json!({"cluster": "a", "nextToken": format!("{token}00")})),
            ("ListTasks", json!({"cluster": "a", "nextToken": "00"})),
            ("ListTasks", json!({"cluster": "a", "nextToken": "not hexadecimal"})),
            ("ListTasks", json!({"cluster": "a", "nextToken": "f".repeat(1 << 20)})),
        ] {
            assert_eq!(open(name, request.clone()).unwrap_err().code, code::INVALID_PARAMETER, "{name} {request}");
        }
    }

    #[test]
    fn w13_default_page_sizes() {
        for (name, limit) in [("ListServices", 10), ("ListTasks", 100), ("ListServiceDeployments", 20)] {
            assert_eq!(Pager::<String>::of(operation(name), &json!({})).unwrap().limit, limit, "{name}");
        }
    }
}
