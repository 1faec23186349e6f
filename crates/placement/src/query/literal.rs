//! Values that compare as something other than text: versions, instants, decimal numbers.

use plimsoll_model::Timestamp;
use std::cmp::Ordering;

/// Dotted numbers, compared component by component; missing ones are 0 (CQL-9).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Version(Vec<u64>);

impl Version {
    pub fn parse(text: &str) -> Option<Self> {
        let parts = text.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        });
        let mut numbers: Vec<u64> = parts.collect::<Option<_>>()?;
        // 1.14 equals 1.14.0: without trailing zeros the derived order is the wanted one.
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(Version(numbers))
    }
}

/// Whole seconds of an instant (CQL-10): with an offset, without one (then UTC), or a date alone (then midnight UTC).
pub(super) fn parse_instant(text: &str) -> Option<i64> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_second());
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(local).ok()?;
    Some(instant.as_second())
}

pub(super) fn instant_seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1000)
}

/// Numeric when both are decimal numbers, else by code point (CQL-7).
pub(super) fn compare_values(left: &str, right: &str) -> Ordering {
    match (Decimal::parse(left), Decimal::parse(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        // UTF-8 sorts as its code points do.
        _ => left.cmp(right),
    }
}

/// A decimal number of any length: compared digit by digit, because a float would call neighbours equal.
#[derive(PartialEq, Eq)]
struct Decimal<'a> {
    negative: bool,
    /// Without leading zeros.
    whole: &'a str,
    /// Without trailing zeros.
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (unsigned, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Decimal { negative: text.starts_with('-') && !zero, whole, fraction })
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = || {
            let longer = self.whole.len().cmp(&other.whole.len());
            longer.then_with(|| self.whole.cmp(other.whole)).then_with(|| self.fraction.cmp(other.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => magnitude(),
            (true, true) => magnitude().reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}
