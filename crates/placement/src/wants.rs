//! What sets one view of the fleet apart from another.

use crate::order::Room;
use crate::overlay::FEW;
use crate::{Expression, Fleet, GroupIdx, Request};
use plimsoll_model::{PlacementStrategy, PortClaim};
use std::sync::Arc;

/// All of a request that the instances a view holds, and their ranks, depend on.
#[derive(Debug)]
pub(crate) struct Wants {
    external: bool,
    pub takes_kept_room: bool,
    distinct_instance: bool,
    capacity_provider: Option<Arc<str>>,
    required_attributes: Vec<Arc<str>>,
    member_of: Vec<Arc<Expression>>,
    ports: Vec<PortClaim>,
    strategies: Vec<PlacementStrategy>,
    pub counted: Counted,
    /// Where the chain ends in `random`: a draw needs to know how many have room, not only the first, so that all the
    /// requests of a view are of one size.
    pub size: Option<Room>,
}

/// Whose tasks a view counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counted {
    /// Nobody's: they make no difference to the request.
    None,
    /// Nobody's: the group has few, which an [`Overlay`] adds.
    Few,
    Of(GroupIdx),
}

impl Counted {
    /// For so many more tasks.
    pub fn new(fleet: &Fleet, request: &Request<'_>, count: usize) -> Self {
        let spreads = |strategy: &PlacementStrategy| matches!(strategy, PlacementStrategy::Spread(_));
        let counts = request.strategies.is_empty() || request.strategies.iter().any(spreads);
        if !counts && !request.distinct_instance {
            Counted::None
        } else if size(request).is_none() && fleet.groups.spread(request.group).saturating_add(count) <= FEW {
            Counted::Few
        } else {
            Counted::Of(request.group)
        }
    }
}

impl Wants {
    pub fn new(request: &Request<'_>, counted: Counted) -> Self {
        Wants {
            external: request.external,
            takes_kept_room: request.takes_kept_room,
            distinct_instance: request.distinct_instance,
            capacity_provider: request.capacity_provider.map(Arc::from),
            required_attributes: request.required_attributes.to_vec(),
            member_of: request.member_of.to_vec(),
            ports: request.demand.ports.clone(),
            strategies: request.strategies.to_vec(),
            counted,
            size: size(request),
        }
    }

    pub fn is_for(&self, request: &Request<'_>, counted: Counted) -> bool {
        self.counted == counted
            && self.size == size(request)
            && self.external == request.external
            && self.takes_kept_room == request.takes_kept_room
            && self.distinct_instance == request.distinct_instance
            && self.capacity_provider.as_deref() == request.capacity_provider
            && self.ports == request.demand.ports
            && self.strategies == request.strategies
            && self.member_of == request.member_of
            && self.required_attributes == request.required_attributes
    }
}

fn size(request: &Request<'_>) -> Option<Room> {
    let is_random = |strategy: &PlacementStrategy| *strategy == PlacementStrategy::Random;
    request.strategies.iter().any(is_random).then(|| request.demand.room())
}
