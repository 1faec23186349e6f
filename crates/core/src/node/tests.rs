//! What a node does, rule by rule.

mod adoption;
mod life;
mod restarts;
mod sessions;
