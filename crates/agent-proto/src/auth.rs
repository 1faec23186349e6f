//! How an agent says who it is: one metadata value on the stream's request, made from an access key and its secret.
//!
//! ```text
//! authorization: PLIMSOLL-HMAC-SHA256 Credential=<access key id>, Timestamp=<seconds since 1970>, Signature=<hex>
//! ```
//!
//! The signature is HMAC-SHA256, keyed with the secret, over `plimsoll-agent-v1`, the access key id and the timestamp,
//! each followed by a newline. It proves possession of the secret without sending it. It is valid for
//! [`SKEW_SECONDS_MAX`] around its timestamp, so whoever can read the connection can use it that long: over networks
//! that are not trusted the stream belongs inside TLS.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The name of the metadata entry.
pub const HEADER: &str = "authorization";

/// How far the clocks of agent and server may be apart.
pub const SKEW_SECONDS_MAX: u64 = 300;

const SCHEME: &str = "PLIMSOLL-HMAC-SHA256";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("the {HEADER} entry is not of the form {SCHEME} Credential=.., Timestamp=.., Signature=..")]
    Malformed,
    #[error("the timestamp is more than {SKEW_SECONDS_MAX} seconds from the server's clock")]
    Expired,
    /// Unknown key or wrong signature: which of the two is not said.
    #[error("the signature is not valid")]
    Invalid,
}

/// What the agent sends under [`HEADER`]; `timestamp` is in seconds since 1970.
pub fn header_value(access_key: &str, secret: &str, timestamp: u64) -> String {
    let signature = hex::encode(mac(access_key, secret, timestamp).finalize().into_bytes());
    format!("{SCHEME} Credential={access_key}, Timestamp={timestamp}, Signature={signature}")
}

/// Returns the access key id the value was made with. The signature is computed also for unknown keys and compared in
/// constant time: the answer takes equally long for all of them.
pub fn verify(header_value: &str, now: u64, secret_of: impl Fn(&str) -> Option<String>) -> Result<&str, AuthError> {
    let (access_key, timestamp, signature) = parse(header_value).ok_or(AuthError::Malformed)?;
    let secret = secret_of(access_key);
    let expected = mac(access_key, secret.as_deref().unwrap_or_default(), timestamp);
    let matches = expected.verify_slice(&signature).is_ok();
    if !matches || secret.is_none() {
        return Err(AuthError::Invalid);
    }
    if now.abs_diff(timestamp) > SKEW_SECONDS_MAX {
        return Err(AuthError::Expired);
    }
    Ok(access_key)
}

fn mac(access_key: &str, secret: &str, timestamp: u64) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("hmac takes keys of any length");
    mac.update(format!("plimsoll-agent-v1\n{access_key}\n{timestamp}\n").as_bytes());
    mac
}

fn parse(value: &str) -> Option<(&str, u64, Vec<u8>)> {
    let mut parts = value.strip_prefix(SCHEME)?.strip_prefix(' ')?.split(", ");
    let access_key = parts.next()?.strip_prefix("Credential=")?;
    let timestamp = parts.next()?.strip_prefix("Timestamp=")?.parse().ok()?;
    let signature = hex::decode(parts.next()?.strip_prefix("Signature=")?).ok()?;
    parts.next().is_none().then_some((access_key, timestamp, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret_of(key: &str) -> Option<String> {
        (key == "AKIDEXAMPLE").then(|| "secret".to_owned())
    }

    #[test]
    fn what_an_agent_sends_is_accepted_within_the_skew() {
        let value = header_value("AKIDEXAMPLE", "secret", 1_000);
        for (now, expected) in [
            (1_000, Ok("AKIDEXAMPLE")),
            (1_300, Ok("AKIDEXAMPLE")),
            (700, Ok("AKIDEXAMPLE")),
            (1_301, Err(AuthError::Expired)),
            (699, Err(AuthError::Expired)),
        ] {
            assert_eq!(verify(&value, now, secret_of), expected, "now={now}");
        }
    }

    /// S-4: one error for all of them.
    #[test]
    fn wrong_secrets_unknown_keys_and_changed_values_are_refused() {
        let value = header_value("AKIDEXAMPLE", "secret", 1_000);
        let unknown = header_value("AKIDOTHER", "", 1_000);
        let wrong = header_value("AKIDEXAMPLE", "other", 1_000);
        let later = value.replace("Timestamp=1000", "Timestamp=1001");
        for value in [&unknown, &wrong, &later] {
            assert_eq!(verify(value, 1_000, secret_of), Err(AuthError::Invalid), "{value}");
        }
        for value in ["", "Bearer x", &value.replace("Signature=", "Signature=zz"), &format!("{value}, More=1")] {
            assert_eq!(verify(value, 1_000, secret_of), Err(AuthError::Malformed), "{value}");
        }
    }
}
