//! From what a driver says to what a caller can do about it.

use crate::Error;
use sqlx::error::ErrorKind;

/// For `map_err`: `doing` completes "database not available while ...".
pub(crate) fn while_doing(doing: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |source| classify(doing, source)
}

pub(crate) fn classify(doing: &'static str, source: sqlx::Error) -> Error {
    if let sqlx::Error::Database(database) = &source {
        let constraint = database.constraint().unwrap_or_else(|| database.message()).to_owned();
        return match database.kind() {
            ErrorKind::Other if is_passing(database.code().as_deref().unwrap_or_default()) => {
                Error::Unavailable { doing, source: source.into() }
            }
            ErrorKind::Other => Error::Refused { doing, source: source.into() },
            _ => Error::Constraint { constraint, source: source.into() },
        };
    }
    if is_lost_connection(&source) {
        return Error::Unavailable { doing, source: source.into() };
    }
    Error::Refused { doing, source: source.into() }
}

/// The connection is of no use any more, or there is none.
pub(crate) fn is_lost_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Shutting down, crashed, still starting up, terminated, or timed out while idle.
        sqlx::Error::Database(database) => matches!(
            database.code().as_deref(),
            Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "08000" | "08003" | "08006")
        ),
        _ => false,
    }
}

/// Conditions that pass without anybody changing the statement: by SQLSTATE, or by SQLite's primary result code.
fn is_passing(code: &str) -> bool {
    // SQLite: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. Extended codes carry the primary one in their low byte.
    if let Ok(number) = code.parse::<u32>()
        && code.len() < 5
    {
        return matches!(number & 0xff, 5 | 6 | 8 | 10 | 13 | 14);
    }
    // Connection lost; read-only server; idle too long; transaction rolled back; out of resources; lock not
    // available; operator intervention; system error.
    code == "25006"
        || code == "25P03"
        || ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_told_from_what_does_not() {
        // 53100 disk full (F-7), 25006 read only (F-7), 40001 and 40P01 (F-8), 57014 statement timeout (F-6).
        for passing in ["53100", "25006", "40001", "40P01", "57P01", "57014", "08006", "5", "13", "2570"] {
            assert!(is_passing(passing), "{passing}");
        }
        for lasting in ["42P01", "42601", "22P02", "25P02", "1", "11", "26", ""] {
            assert!(!is_passing(lasting), "{lasting}");
        }
    }
}
