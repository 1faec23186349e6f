//! Standard output whose reader has gone, as in `plimsoll explain web | head -3`.

use std::fmt::Display;
use std::io::Write;
use std::process::exit;

/// What a shell shows of a program that the signal for a closed pipe ended: 128 and the number of SIGPIPE.
const CLOSED_PIPE: i32 = 141;

/// For commands that only print: nobody reads on, so there is no more to do. `println!` panics then, in these words of the
/// standard library; hearing of it otherwise would take unsafe code.
pub fn end_when_gone() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            exit(CLOSED_PIPE);
        }
        report(panic);
    }));
}

/// For commands with something else to do: a line that nobody reads must not keep them from stopping their tasks.
pub fn tell(line: impl Display) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}") {
        tracing::debug!(%error, "nobody reads what is printed");
    }
}
