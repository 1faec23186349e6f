//! What users, and agents that speak the ECS API, ask of tasks.

use crate::world::World;
use plimsoll_core::command::{
    Command, ContainerStateChange, RunTask, StartTask, SubmitContainerStateChange, SubmitTaskStateChange, TaskLaunch,
};
use plimsoll_model::{ClientToken, LaunchType, TaskId, TaskStatus};
use std::collections::BTreeMap;
use std::sync::Arc;

impl World {
    pub(super) fn run_task(&mut self) -> Command {
        let definition = self.some_definition();
        let client_token = self.dice.client.coin().then(|| {
            let token = self.client.new_token();
            ClientToken { operation: "RunTask".into(), fingerprint: Arc::clone(&token), token }
        });
        Command::RunTask(Box::new(RunTask {
            definition,
            count: 1 + self.dice.client.small(2),
            launch: launch(),
            capacity_provider_strategy: self.some_strategy_choice(),
            scaled_providers: self.some_scaled_providers(),
            placement_constraints: self.some_constraints(),
            placement_strategy: self.some_strategy(),
            client_token,
        }))
    }

    pub(super) fn start_task(&mut self) -> Option<Command> {
        let definition = self.some_definition();
        let instances = vec![self.some_instance()?];
        Some(Command::StartTask(Box::new(StartTask { definition, instances, launch: launch() })))
    }

    pub(super) fn protect_task(&mut self) -> Option<Command> {
        let tasks = vec![self.some_task()?];
        let dice = &mut self.dice.client;
        let protect_ms = dice.permille(800).then(|| dice.between(10_000, 100_000));
        Some(Command::UpdateTaskProtection { tasks, protect_ms })
    }

    pub(super) fn stop_task(&mut self) -> Option<Command> {
        Some(Command::StopTask { task: self.some_task()?, reason: None })
    }

    /// Says of a task what was true of it at its beginning: late news, which must change nothing (OP-5).
    pub(super) fn submit_task_state(&mut self) -> Option<Command> {
        Some(Command::SubmitTaskStateChange(Box::new(SubmitTaskStateChange {
            task: self.some_task()?,
            status: Some(TaskStatus::Pending),
            reason: None,
            containers: Vec::new(),
            pull_started_at: None,
            pull_stopped_at: None,
            execution_stopped_at: None,
        })))
    }

    /// The same of one container.
    pub(super) fn submit_container_state(&mut self) -> Option<Command> {
        let task = self.some_task()?;
        let name = self.control.committed.tasks.get(&task)?.containers.first()?.name.clone();
        let container = ContainerStateChange {
            name,
            status: Some(TaskStatus::Pending),
            exit_code: None,
            reason: None,
            runtime_id: None,
            image_digest: None,
            bindings: Vec::new(),
        };
        Some(Command::SubmitContainerStateChange(Box::new(SubmitContainerStateChange { task, container })))
    }

    pub(super) fn some_task(&mut self) -> Option<TaskId> {
        let known = &self.control.committed.tasks;
        let index = usize::try_from(self.dice.client.below(known.len() as u64)).ok()?;
        known.keys().nth(index).copied()
    }
}

pub(super) fn launch() -> TaskLaunch {
    TaskLaunch {
        launch_type: LaunchType::Ec2,
        group: None,
        started_by: None,
        overrides: None,
        enable_execute_command: false,
        tags: BTreeMap::new(),
    }
}
