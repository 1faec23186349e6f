//! What sets one view of the fleet apart from another.

use crate::branches::Breadth;
use crate::chain::ZONE_ATTRIBUTE;
use crate::overlay::FEW;
use crate::room::Room;
use crate::{Expression, Fleet, GroupIdx, Request, STRATEGIES_MAX};
use plimsoll_model::{PlacementStrategy, PortClaim, SpreadField};
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
    pub kind: Kind,
    /// Where the chain ends in `random`: a draw needs to know how many have room, not only the first, so that all the
    /// requests of a view are of one size.
    pub size: Option<Room>,
}

/// Whose tasks a view counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counted {
    /// Nobody's: they make no difference to the request, or whoever asks adds those of its group.
    Nobody,
    Of(GroupIdx),
}

/// Leaves up to which a view is narrow. Few in tests, so that both ways are taken.
const NARROW: usize = if cfg!(test) { 6 } else { 32 };

/// The kind of view for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    pub counted: Counted,
    pub breadth: Breadth,
}

impl Kind {
    /// For so many more tasks; `breadth` is what their strategies make of the fleet.
    pub fn new(fleet: &Fleet, request: &Request<'_>, count: usize, breadth: impl FnOnce() -> Breadth) -> Self {
        let strategies = request.strategies;
        let spreads = |by: SpreadField| strategies.contains(&PlacementStrategy::Spread(by));
        let by_attribute =
            |one: &PlacementStrategy| matches!(one, PlacementStrategy::Spread(SpreadField::Attribute(_)));
        let counts_on_instance = strategies.is_empty() || request.distinct_instance || spreads(SpreadField::Instance);
        let counts = counts_on_instance || strategies.iter().any(by_attribute);
        if size(request).is_some() {
            let counted = if counts { Counted::Of(request.group) } else { Counted::Nobody };
            return Kind { counted, breadth: Breadth::Wide };
        }
        let breadth = breadth();
        let on_instances = fleet.groups.spread(request.group);
        let counted = match breadth {
            _ if !counts => Counted::Nobody,
            // The tasks of a group in a few domains are easily added.
            Breadth::Narrow if !counts_on_instance || on_instances <= FEW => Counted::Nobody,
            Breadth::Wide if on_instances.saturating_add(count) <= FEW => Counted::Nobody,
            _ => Counted::Of(request.group),
        };
        Kind { counted, breadth }
    }
}

/// How many leaves the domains of such strategies make, if all that can cross do.
pub(crate) fn breadth(fleet: &Fleet, strategies: &[PlacementStrategy]) -> Breadth {
    let leaves = if strategies.is_empty() {
        fleet.domains(ZONE_ATTRIBUTE)
    } else {
        let domains = strategies.iter().map(|strategy| match strategy {
            PlacementStrategy::Spread(SpreadField::Attribute(name)) => fleet.domains(name),
            _ => 1,
        });
        domains.fold(1, usize::saturating_mul)
    };
    if leaves <= NARROW { Breadth::Narrow } else { Breadth::Wide }
}

impl Wants {
    pub fn new(request: &Request<'_>, kind: Kind) -> Self {
        Wants {
            external: request.external,
            takes_kept_room: request.takes_kept_room,
            distinct_instance: request.distinct_instance,
            capacity_provider: request.capacity_provider.map(Arc::from),
            required_attributes: request.required_attributes.to_vec(),
            member_of: request.member_of.to_vec(),
            ports: request.demand.ports.clone(),
            strategies: request.strategies.to_vec(),
            kind,
            size: size(request),
        }
    }

    /// Whether nothing but an instance's own room, and the tasks of the group counted, changes with the tasks on it.
    pub fn sees_only_room(&self) -> bool {
        self.ports.is_empty() && !self.member_of.iter().any(|expression| expression.looks_at_tasks())
    }

    pub fn is_for(&self, request: &Request<'_>, kind: Kind) -> bool {
        self.kind == kind
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
    request.strategies.iter().take(STRATEGIES_MAX).any(is_random).then(|| request.demand.room())
}
