//! Leads the fleet and its plain definition through random operations and ends with a panic at the first difference.

use std::time::Instant;

/// Operations between two lines of progress.
const CHUNK: u64 = 500_000;

pub fn run(operations: u64, seed: u64) {
    let begun = Instant::now();
    let mut done = 0;
    while done < operations {
        let chunk = CHUNK.min(operations - done);
        plimsoll_placement::equality::check(chunk, seed.wrapping_add(done / CHUNK));
        done += chunk;
        println!("{done} operations are equal after {:.0?}", begun.elapsed());
    }
}
