//! The canonical request: the one text that signer and verifier both make of a request.

use super::{RequestHead, incomplete, mismatch};
use crate::error::ApiError;
use std::fmt::Write;

pub fn request(head: &RequestHead, signed_headers: &[String], payload_hash: &str) -> Result<String, ApiError> {
    let mut text = format!("{}\n{}\n{}\n", head.method, path(&head.path)?, query(&head.query));
    for name in signed_headers {
        let _ = writeln!(text, "{name}:{}", header(&head.headers, name)?);
    }
    let _ = write!(text, "\n{}\n{payload_hash}", signed_headers.join(";"));
    Ok(text)
}

/// Encoded once more, as signers of all services but S3 do. Paths that would have to be normalised are refused.
fn path(path: &str) -> Result<String, ApiError> {
    if path.is_empty() || path == "/" {
        return Ok("/".to_owned());
    }
    let ambiguous = path.contains("//") || path.split('/').any(|segment| matches!(segment, "." | ".."));
    if ambiguous || !path.starts_with('/') {
        return Err(mismatch("the path is not in its shortest form"));
    }
    let mut encoded = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Ok(encoded)
}

/// Pairs in ascending order, as they are encoded.
fn query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// All values of a header, runs of spaces as one.
fn header(headers: &[(String, String)], name: &str) -> Result<String, ApiError> {
    let values: Vec<String> = headers
        .iter()
        .filter(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
        .collect();
    if values.is_empty() {
        return Err(incomplete(format!("the signed header {name:?} is not in the request")));
    }
    Ok(values.join(","))
}
