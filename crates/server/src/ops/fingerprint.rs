//! What makes two requests with one client token the same request (W-16).

use plimsoll_model::ClientToken;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// `body` is the whole request: the token itself is left out of the fingerprint.
pub(crate) fn client_token(operation: &str, token: &str, body: &Value) -> ClientToken {
    let mut canonical = String::new();
    write_canonical(&mut canonical, body, Some("clientToken"));
    ClientToken {
        operation: operation.into(),
        token: token.into(),
        fingerprint: hex::encode(Sha256::digest(canonical.as_bytes())).into(),
    }
}

/// JSON with sorted keys, without nulls. `except` is a member left out at the top.
fn write_canonical(out: &mut String, value: &Value, except: Option<&str>) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().filter(|(name, value)| !value.is_null() && Some(name.as_str()) != except).collect();
            members.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (position, (name, value)) in members.into_iter().enumerate() {
                let comma = if position == 0 { "" } else { "," };
                write!(out, "{comma}{}:", Value::from(name.as_str())).expect("writing to a string cannot fail");
                write_canonical(out, value, None);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_canonical(out, item, None);
            }
            out.push(']');
        }
        plain => write!(out, "{plain}").expect("writing to a string cannot fail"),
    }
}

#[cfg(test)]
mod tests {
    use super::client_token;
    use serde_json::json;

    #[test]
    fn w16_equal_parameters_whatever_the_order_nulls_or_token() {
        let first = client_token("RunTask", "a", &json!({"count": 2, "cluster": "c", "clientToken": "a"}));
        let same = json!({"clientToken": "a", "cluster": "c", "group": null, "count": 2});
        assert_eq!(client_token("RunTask", "a", &same), first);
        for other in [json!({"count": 3, "cluster": "c"}), json!({"count": 2, "cluster": "c", "tags": []})] {
            assert_ne!(client_token("RunTask", "a", &other).fingerprint, first.fingerprint, "{other}");
        }
    }
}
