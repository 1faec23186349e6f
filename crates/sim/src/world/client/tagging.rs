//! Users who label things and set switches: none of it may change what runs, but for a placement policy.

use crate::world::World;
use plimsoll_core::command::{Command, TagTarget};
use plimsoll_model::{NO_PLACEMENT_POLICY, PLACEMENT_POLICY, TagChange};
use serde_json::{Map, json};

/// Policies a cluster may choose: one that scores, one that draws, one that looks at services.
const POLICIES: [&str; 6] =
    [NO_PLACEMENT_POLICY, NO_PLACEMENT_POLICY, "best-fit", "power-of-k?samples=3", "fgd", "spread-tasks"];

impl World {
    pub(super) fn tagging_command(&mut self) -> Option<Command> {
        match self.dice.client.below(4) {
            0 => {
                let (name, value) = match self.dice.client.coin() {
                    true => ("containerInsights", *self.dice.client.pick(&["enabled", "disabled", "enhanced"])?),
                    // Drawn late in a world's life or never: most of it is placed by the default.
                    false => (PLACEMENT_POLICY, *self.dice.client.pick(&POLICIES)?),
                };
                let settings = json!([{"name": name, "value": value}]);
                Some(Command::UpdateCluster { echo: Map::from_iter([("settings".to_owned(), settings)]) })
            }
            // The same definition again: in this world their tags do not change.
            1 => Some(Command::DefinitionTagged(self.some_definition())),
            _ => self.change_tags(),
        }
    }

    fn change_tags(&mut self) -> Option<Command> {
        let target = match self.dice.client.below(4) {
            0 => TagTarget::Cluster,
            1 => TagTarget::Service(self.some_service_name()),
            2 => TagTarget::Instance(self.some_instance()?),
            _ => TagTarget::Task(self.some_task()?),
        };
        let key = *self.dice.client.pick(&["team", "stage"])?;
        let change = match self.dice.client.coin() {
            true => TagChange::Put([(key.into(), "a".into())].into()),
            false => TagChange::Remove([key.into()].into()),
        };
        Some(Command::ChangeTags { target, change })
    }
}
