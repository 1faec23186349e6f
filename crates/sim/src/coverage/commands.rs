//! Which commands there are, by name, and how each must have ended somewhere. One table makes both the names and the
//! expectations, and its `match` has no arm for the rest: a new command does not compile until it has a line here.

use super::{Outcome, Point};
use plimsoll_core::Command;

macro_rules! commands {
    ($($pattern:pat => $name:literal: $($outcome:ident)+;)+) => {
        pub(crate) fn name_of(command: &Command) -> &'static str {
            match command {
                $($pattern => $name),+
            }
        }

        pub(super) fn expected() -> Vec<Point> {
            vec![$($(Point::Command($name, Outcome::$outcome)),+),+]
        }
    };
}

commands! {
    Command::CreateCluster(_) => "CreateCluster": Ok;
    Command::DeleteCluster => "DeleteCluster": Ok Refused;
    Command::UpdateCluster { .. } => "UpdateCluster": Ok;
    Command::ChangeTags { .. } => "ChangeTags": Ok Refused;
    Command::DefinitionTagged(_) => "DefinitionTagged": Ok;
    Command::RegisterContainerInstance(_) => "RegisterContainerInstance": Ok;
    Command::DeregisterContainerInstance { .. } => "DeregisterContainerInstance": Ok Refused;
    Command::UpdateContainerInstancesState { .. } => "UpdateContainerInstancesState": Ok;
    Command::PutAttributes(_) => "PutAttributes": Ok Refused;
    Command::PutClusterCapacityProviders(_) => "PutClusterCapacityProviders": Ok Refused;
    Command::DeleteAttributes(_) => "DeleteAttributes": Ok Refused;
    Command::CreateService(_) => "CreateService": Ok Refused;
    Command::UpdateService(_) => "UpdateService": Ok Refused;
    Command::UpdateTaskProtection { .. } => "UpdateTaskProtection": Ok;
    Command::DeleteService { .. } => "DeleteService": Ok Refused;
    Command::StopServiceDeployment { .. } => "StopServiceDeployment": Ok Refused;
    Command::CreateTaskSet(_) => "CreateTaskSet": Ok Refused;
    Command::UpdateTaskSet { .. } => "UpdateTaskSet": Ok Refused;
    Command::UpdateServicePrimaryTaskSet { .. } => "UpdateServicePrimaryTaskSet": Ok;
    Command::DeleteTaskSet { .. } => "DeleteTaskSet": Ok Refused;
    Command::RunTask(_) => "RunTask": Ok Refused;
    Command::StartTask(_) => "StartTask": Ok;
    Command::Explain(_) => "Explain": Ok;
    Command::StopTask { .. } => "StopTask": Ok Refused;
    Command::SubmitTaskStateChange(_) => "SubmitTaskStateChange": Ok;
    Command::SubmitContainerStateChange(_) => "SubmitContainerStateChange": Ok;
}
