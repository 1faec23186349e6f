//! Verifies AWS Signature Version 4 on received bytes (W-15, S-1 to S-4).
//!
//! The body is always hashed, whatever the request says about it. Requests that can be read in two ways (a signed
//! header given twice, an authorization in the query, a path that two readers normalise differently) are refused rather
//! than interpreted. An unknown key costs the same work as a known one. Replaying a request within the window is left
//! to the idempotency of the operations: a signature is no token for one use.

mod canonical;
mod header;

use crate::error::{ApiError, code};
use header::Authorization;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use subtle::ConstantTimeEq;

/// How far a request's time may be from ours, in both directions.
pub const WINDOW_SECONDS: i64 = 300;
/// As credential scopes name ECS.
pub const SERVICE: &str = "ecs";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Access keys and their secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    secrets: BTreeMap<String, String>,
}

impl Credentials {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn insert(&mut self, access_key: impl Into<String>, secret: impl Into<String>) {
        self.secrets.insert(access_key.into(), secret.into());
    }

    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// For other proofs of possession than this one.
    pub fn secret(&self, access_key: &str) -> Option<&str> {
        self.secrets.get(access_key).map(String::as_str)
    }

    pub fn access_keys(&self) -> impl Iterator<Item = &str> {
        self.secrets.keys().map(String::as_str)
    }
}

impl<K: Into<String>, S: Into<String>> FromIterator<(K, S)> for Credentials {
    fn from_iter<I: IntoIterator<Item = (K, S)>>(pairs: I) -> Self {
        Self { secrets: pairs.into_iter().map(|(key, secret)| (key.into(), secret.into())).collect() }
    }
}

impl fmt::Debug for Credentials {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.secrets.keys()).finish()
    }
}

/// A request's head as received. With HTTP/2 the caller adds `host` from `:authority`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestHead {
    pub method: String,
    /// Without the query, still encoded.
    pub path: String,
    /// Without the question mark, still encoded; empty when there is none.
    pub query: String,
    pub headers: Vec<(String, String)>,
}

/// Who signed, and for which region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    pub access_key: String,
    pub region: String,
}

/// Checks the signature of a request for ECS against the credentials, at a time in seconds since 1970.
pub fn verify(credentials: &Credentials, head: &RequestHead, body: &[u8], now: i64) -> Result<Identity, ApiError> {
    verify_for(SERVICE, credentials, head, body, now)
}

/// The same for a request that must be signed for that service.
pub fn verify_for(
    service: &str,
    credentials: &Credentials,
    head: &RequestHead,
    body: &[u8],
    now: i64,
) -> Result<Identity, ApiError> {
    let authorization = Authorization::of(head)?;
    authorization.check_service(service)?;
    let time =
        header::single(&head.headers, "x-amz-date")?.ok_or_else(|| incomplete("the x-amz-date header is missing"))?;
    header::check_time(time, &authorization.date, now)?;
    authorization.check_signed(&head.headers)?;
    let payload = hex::encode(Sha256::digest(body));
    if let Some(claimed) = header::single(&head.headers, "x-amz-content-sha256")?
        && claimed != payload
    {
        return Err(mismatch("x-amz-content-sha256 is not the hash of the body"));
    }
    let request = canonical::request(head, &authorization.signed_headers, &payload)?;
    let to_sign = format!("{ALGORITHM}\n{time}\n{}\n{}", authorization.scope(), hex::encode(Sha256::digest(request)));

    // A key that is not there is checked against a secret of no one, so that the time says nothing about it.
    let secret = credentials.secrets.get(&authorization.access_key);
    let expected = signature(secret.map_or("no one has this secret", String::as_str), &authorization, &to_sign);
    let matches = bool::from(expected.ct_eq(&authorization.signature));
    match (secret, matches) {
        (None, _) => {
            Err(ApiError::new(code::UNRECOGNIZED_CLIENT, "The security token included in the request is invalid."))
        }
        (Some(_), false) => Err(mismatch(
            "The request signature we calculated does not match the signature you provided. Check your secret access \
             key and signing method.",
        )),
        (Some(_), true) => Ok(Identity { access_key: authorization.access_key, region: authorization.region }),
    }
}

/// The region that an Authorization header names, verified or not: with verification off it still tells which
/// namespace a client means. Nothing when there is no header or it is not one of this scheme.
pub fn region_of(headers: &[(String, String)]) -> Option<String> {
    let authorization = header::single(headers, "authorization").ok()??;
    let authorization = Authorization::read(authorization).ok()?;
    authorization.check_service(SERVICE).is_ok().then_some(authorization.region)
}

/// The service that the value of an Authorization header names, verified or not.
pub fn service_of(authorization: &str) -> Option<String> {
    Authorization::read(authorization).ok().map(|authorization| authorization.service)
}

fn signature(secret: &str, authorization: &Authorization, to_sign: &str) -> [u8; 32] {
    mac(&signing_key(secret, &authorization.date, &authorization.region, &authorization.service), to_sign)
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> [u8; 32] {
    let first = mac(format!("AWS4{secret}").as_bytes(), date);
    [region, service, header::TERMINATOR].into_iter().fold(first, |key, part| mac(&key, part))
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes keys of every length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

fn incomplete(message: impl Into<String>) -> ApiError {
    ApiError::new(code::INCOMPLETE_SIGNATURE, message)
}

fn mismatch(message: impl Into<String>) -> ApiError {
    ApiError::new(code::INVALID_SIGNATURE, message)
}

#[cfg(test)]
mod tests;
