//! A decision log repeated: the same fleets, the same requests, and whether the same choices come of them; or what another
//! policy would have chosen.
//!
//! Lines come one by one, as they stand in the file, so that a log may be larger than memory. Every cluster of the log
//! has a fleet of its own. Opening a log again writes its header again, and so does a server that was started anew.

mod other;
mod read;
mod same;
mod tally;
#[cfg(test)]
mod tests;

pub use other::{Other, Row};
pub use read::{Line, Lines};
pub use same::{Difference, Same};

use plimsoll_placement::journal::Asked;
use plimsoll_placement::{Expression, Fleet, GroupIdx, Request};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tasks of one request, far beyond what a step of a scheduler places.
const TASKS_MAX: u32 = 1_000_000;

/// What a scheduler knew of a cluster.
#[derive(Debug, Default)]
struct Replica {
    fleet: Fleet,
    /// Its draws, once it has begun.
    rng: Option<ChaCha8Rng>,
    /// Expressions, parsed once.
    parsed: BTreeMap<Arc<str>, Arc<Expression>>,
}

impl Replica {
    /// The scheduler that the lines from here on are of.
    fn begins(&mut self, seed: [u64; 4], stream: u64) {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(seed) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(bytes);
        rng.set_stream(stream);
        *self = Replica { rng: Some(rng), ..Replica::default() };
    }

    /// The draws as they stood before a request.
    fn rng_at(&self, drawn: u64) -> Option<ChaCha8Rng> {
        let mut rng = self.rng.clone()?;
        rng.set_word_pos(drawn.into());
        Some(rng)
    }

    /// The expressions of a request that can be one.
    fn expressions(&mut self, asked: &Asked) -> Result<Vec<Arc<Expression>>, String> {
        if asked.count > TASKS_MAX {
            return Err(format!("expected a request for at most {TASKS_MAX} tasks, found {}", asked.count));
        }
        let mut expressions = Vec::with_capacity(asked.member_of.len());
        for text in &asked.member_of {
            if !self.parsed.contains_key(text) {
                let expression = Expression::parse(text).map_err(|error| format!("expected an expression: {error}"))?;
                self.parsed.insert(Arc::clone(text), Arc::new(expression));
            }
            expressions.push(Arc::clone(&self.parsed[text]));
        }
        Ok(expressions)
    }
}

/// The request of a line. Without its strategies, it is for the policy that rules.
fn request<'a>(asked: &'a Asked, member_of: &'a [Arc<Expression>], group: GroupIdx) -> Request<'a> {
    Request {
        demand: &asked.demand,
        required_attributes: &asked.required_attributes,
        member_of,
        distinct_instance: asked.distinct_instance,
        group,
        strategies: &asked.strategies,
        external: asked.external,
        takes_kept_room: asked.takes_kept_room,
        capacity_provider: asked.capacity_provider.as_deref(),
    }
}
