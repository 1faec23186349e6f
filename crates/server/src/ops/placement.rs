//! Placement constraints and strategies as requests bring them (RUN-6, PL-5, CQL-4).

use super::input::invalid;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{PlacementConstraint, PlacementStrategy};

pub(super) fn constraints(given: &[types::PlacementConstraint]) -> Result<Vec<PlacementConstraint>, ApiError> {
    let read = |one: &types::PlacementConstraint| {
        let kind = one.r#type.as_deref().unwrap_or_default();
        plimsoll_placement::parse_constraint(kind, one.expression.as_deref())
            .map_err(|error| invalid(error.to_string()))
    };
    given.iter().map(read).collect()
}

pub(super) fn strategies(given: &[types::PlacementStrategy]) -> Result<Vec<PlacementStrategy>, ApiError> {
    let read = |one: &types::PlacementStrategy| {
        let kind = one.r#type.as_deref().unwrap_or_default();
        plimsoll_placement::parse_strategy(kind, one.field.as_deref()).map_err(|error| invalid(error.to_string()))
    };
    given.iter().map(read).collect()
}
