//! Users who label things: none of it may change what runs.

use crate::world::World;
use plimsoll_core::command::{Command, TagTarget};
use plimsoll_model::TagChange;
use serde_json::{Map, json};

impl World {
    pub(super) fn tagging_command(&mut self) -> Option<Command> {
        match self.dice.client.below(4) {
            0 => {
                let value = *self.dice.client.pick(&["enabled", "disabled", "enhanced"])?;
                let settings = json!([{"name": "containerInsights", "value": value}]);
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
