//! Times on the wire: JSON numbers, seconds since 1970 with up to three decimals; ISO-8601 texts accepted (W-10).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Whole milliseconds as they go out.
pub fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// Seconds of a time that came in, or nothing when it is not one. A time without a zone is UTC. The bounds are those
/// of the calendar: years -9999 to 9999.
pub(crate) fn read(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => {
            let seconds = number.as_f64()?;
            let in_calendar =
                seconds >= Timestamp::MIN.as_second() as f64 && seconds <= Timestamp::MAX.as_second() as f64;
            in_calendar.then_some(seconds)
        }
        Value::String(text) => {
            let instant = text.parse::<Timestamp>().ok().or_else(|| {
                let civil = text.parse::<DateTime>().ok()?;
                TimeZone::UTC.to_timestamp(civil).ok()
            })?;
            Some(seconds(instant.as_millisecond()))
        }
        _ => None,
    }
}
