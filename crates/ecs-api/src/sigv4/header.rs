//! The Authorization header and what must be signed with it.

use super::{ALGORITHM, RequestHead, WINDOW_SECONDS, incomplete, mismatch};
use crate::error::{ApiError, code, excerpt};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub const TERMINATOR: &str = "aws4_request";
/// An Authorization header is some 300 characters long.
const CHARACTERS_MAX: usize = 4096;
/// Headers that change what a request means: where one is there, it is signed, and it is there once.
const MEANINGFUL: &[&str] =
    &["host", "x-amz-date", "x-amz-target", "content-type", "x-amz-content-sha256", "x-amz-security-token"];

pub struct Authorization {
    pub access_key: String,
    /// As in the scope, YYYYMMDD.
    pub date: String,
    pub region: String,
    /// Lower case, digits and hyphens.
    pub service: String,
    /// As in the header: lower-case, ascending.
    pub signed_headers: Vec<String>,
    pub signature: [u8; 32],
}

impl Authorization {
    pub fn of(head: &RequestHead) -> Result<Self, ApiError> {
        let presigned = head.query.split('&').any(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            ["x-amz-signature", "x-amz-algorithm", "x-amz-credential"].iter().any(|x| name.eq_ignore_ascii_case(x))
        });
        if presigned {
            return Err(incomplete("an authorization in the query is not accepted, use the Authorization header"));
        }
        match single(&head.headers, "authorization")? {
            Some(text) => Self::read(text),
            None => Err(ApiError::new(code::MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token")),
        }
    }

    pub fn read(text: &str) -> Result<Self, ApiError> {
        if text.len() > CHARACTERS_MAX {
            return Err(incomplete(format!("the Authorization header exceeds {CHARACTERS_MAX} characters")));
        }
        let Some(rest) = text.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' ')) else {
            return Err(incomplete(format!("the Authorization header does not begin with {ALGORITHM}")));
        };
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let Some((name, value)) = part.trim_matches(' ').split_once('=') else {
                return Err(incomplete(format!("{} in the Authorization header has no '='", excerpt(part))));
            };
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => return Err(incomplete(format!("the Authorization header has an unknown part {}", excerpt(name)))),
            };
            if place.replace(value).is_some() {
                return Err(incomplete(format!("the Authorization header has {name} twice")));
            }
        }
        let (Some(credential), Some(signed), Some(signature)) = (credential, signed, signature) else {
            return Err(incomplete("the Authorization header needs Credential, SignedHeaders and Signature"));
        };
        let Scope { access_key, date, region, service } = credential_scope(credential)?;
        let (signed_headers, signature) = (signed_headers(signed)?, digits(signature)?);
        Ok(Self { access_key, date, region, service, signed_headers, signature })
    }

    pub fn scope(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }

    /// A signature for one service says nothing to another.
    pub fn check_service(&self, expected: &str) -> Result<(), ApiError> {
        if self.service == expected {
            return Ok(());
        }
        Err(mismatch(format!("the credential is scoped to {}, not {expected}", excerpt(&self.service))))
    }

    /// S-1: what changes the meaning of a request is signed with it.
    pub fn check_signed(&self, headers: &[(String, String)]) -> Result<(), ApiError> {
        for name in MEANINGFUL {
            let present = single(headers, name)?.is_some();
            let signed = self.signed_headers.iter().any(|signed| signed == name);
            let demanded = matches!(*name, "host" | "x-amz-date");
            if (present || demanded) && !signed {
                return Err(incomplete(format!("the header {name} must be signed")));
            }
        }
        Ok(())
    }
}

struct Scope {
    access_key: String,
    date: String,
    region: String,
    service: String,
}

/// `key/date/region/service/aws4_request`.
fn credential_scope(credential: &str) -> Result<Scope, ApiError> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key, date, region, service, terminator] = parts.as_slice() else {
        return Err(incomplete("the Credential must read key/date/region/service/aws4_request"));
    };
    if *terminator != TERMINATOR {
        return Err(mismatch(format!("the credential's scope ends with {}, not {TERMINATOR}", excerpt(terminator))));
    }
    let key_fits = (1..=128).contains(&access_key.len()) && access_key.bytes().all(|byte| byte.is_ascii_graphic());
    let date_fits = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |part: &str| {
        (1..=64).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !(key_fits && date_fits && plain(region) && plain(service)) {
        return Err(incomplete("the Credential has a malformed key, date, region or service"));
    }
    Ok(Scope {
        access_key: access_key.to_string(),
        date: date.to_string(),
        region: region.to_string(),
        service: service.to_string(),
    })
}

fn signed_headers(text: &str) -> Result<Vec<String>, ApiError> {
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let ascending = names.windows(2).all(|pair| pair[0] < pair[1]);
    let lower =
        |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase());
    if ascending && names.iter().all(lower) {
        Ok(names)
    } else {
        Err(incomplete("SignedHeaders must be lower-case names in ascending order, each once"))
    }
}

fn digits(signature: &str) -> Result<[u8; 32], ApiError> {
    let mut bytes = [0; 32];
    let lower = !signature.bytes().any(|byte| byte.is_ascii_uppercase());
    match hex::decode_to_slice(signature, &mut bytes) {
        Ok(()) if lower => Ok(bytes),
        _ => Err(incomplete("the Signature must be 64 lower-case hexadecimal digits")),
    }
}

/// S-3: the request's time is that of its scope, and near ours.
pub fn check_time(time: &str, scope_date: &str, now: i64) -> Result<(), ApiError> {
    let malformed = || incomplete(format!("x-amz-date {} must read YYYYMMDDThhmmssZ", excerpt(time)));
    let shaped = time.len() == 16
        && time.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return Err(malformed());
    }
    let signed_at = DateTime::strptime("%Y%m%dT%H%M%SZ", time)
        .and_then(|civil| TimeZone::UTC.to_timestamp(civil))
        .map_err(|_| malformed())?
        .as_second();
    if !time.starts_with(scope_date) {
        return Err(mismatch(format!("x-amz-date {time} is not of the day of the credential's scope, {scope_date}")));
    }
    if signed_at < now - WINDOW_SECONDS {
        let late = now - signed_at;
        return Err(mismatch(format!("Signature expired: {time} is {late} s ago, more than {WINDOW_SECONDS} s")));
    }
    if signed_at > now + WINDOW_SECONDS {
        let early = signed_at - now;
        return Err(mismatch(format!(
            "Signature not yet current: {time} is {early} s ahead, more than {WINDOW_SECONDS} s"
        )));
    }
    Ok(())
}

/// The value of a header that may be there once; names compare without case.
pub fn single<'a>(headers: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|value| value.trim_matches([' ', '\t']))),
        _ => Err(incomplete(format!("the header {name} is given more than once"))),
    }
}
