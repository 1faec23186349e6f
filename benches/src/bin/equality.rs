//! `cargo run --release --manifest-path benches/Cargo.toml --bin equality -- --operations 10000000 --seed 1`
//!
//! Leads the fleet and its plain definition through random operations and ends with a panic at the first difference.

use std::time::Instant;

/// Operations between two lines of progress.
const CHUNK: u64 = 500_000;

fn main() {
    let (operations, seed) = (argument("--operations", 1_000_000), argument("--seed", 1));
    let begun = Instant::now();
    let mut done = 0;
    while done < operations {
        let chunk = CHUNK.min(operations - done);
        plimsoll_placement::equality::check(chunk, seed.wrapping_add(done / CHUNK));
        done += chunk;
        println!("{done} operations are equal after {:.0?}", begun.elapsed());
    }
}

fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    let Some(text) = arguments.next() else { return default };
    text.parse().unwrap_or_else(|error| panic!("{name} {text}: {error}"))
}
