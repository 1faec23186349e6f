//! How tasks end and what their rows then say: a code and a reason for each cause (TL-7, TL-8), times when they are
//! reached (TL-9), and a version for each visible change (TL-10).

use crate::harness::{Behaviour, World, config, create_service, launch, resources, update_service};
use plimsoll_core::Command;
use plimsoll_core::command::{RunTask, StrategyChoice};
use plimsoll_model::{DesiredStatus, HealthStatus, ServiceName, StopCode, Task, TaskId, TaskStatus};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A world that remembers every row a reader could have seen.
struct Life {
    world: World,
    seen: BTreeMap<TaskId, Vec<Arc<Task>>>,
}

impl Life {
    fn new(behaviour: Behaviour) -> Self {
        let mut world = World::new(config());
        world.add_node("a", resources(4_096, 4_096), BTreeMap::new());
        for (name, document) in [
            ("web:1", serde_json::json!({"memory": 64})),
            ("web:2", serde_json::json!({"memory": 64})),
            ("checked:1", serde_json::json!({"memory": 64, "healthCheck": {"command": ["CMD", "true"]}})),
        ] {
            world.define(name, document);
            world.nodes.get_mut("a").unwrap().behaviours.insert(name.to_owned(), behaviour);
        }
        Life { world, seen: BTreeMap::new() }
    }

    fn look(&mut self) {
        for (id, row) in &self.world.committed.tasks {
            let rows = self.seen.entry(*id).or_default();
            if rows.last() != Some(row) {
                rows.push(Arc::clone(row));
            }
        }
    }

    fn command(&mut self, command: Command) {
        self.world.command(command).unwrap();
        self.look();
    }

    /// One answer after the other, so that every state between is seen.
    fn settle(&mut self) {
        loop {
            self.world.now = self.world.now.plus_millis(10);
            let more = self.world.settle_one(0);
            self.look();
            if !more {
                return;
            }
        }
    }

    fn run(&mut self) -> TaskId {
        self.command(Command::RunTask(Box::new(RunTask {
            definition: self.world.definition("web:1"),
            count: 1,
            launch: launch(),
            placement_constraints: Vec::new(),
            placement_strategy: Vec::new(),
            client_token: None,
            capacity_provider_strategy: StrategyChoice::LaunchType,
            scaled_providers: Default::default(),
        })));
        *self.world.committed.tasks.keys().next().unwrap()
    }

    /// A service of one, and its task.
    fn serve(&mut self, definition: &str) -> TaskId {
        let service = create_service("web", self.world.definition(definition), 1);
        self.command(Command::CreateService(Box::new(service)));
        self.settle();
        *self.world.committed.tasks.keys().next().unwrap()
    }

    fn end(&self, task: TaskId) -> Arc<Task> {
        let row = Arc::clone(self.seen[&task].last().unwrap());
        assert_eq!((row.desired_status, row.last_status), (DesiredStatus::Stopped, TaskStatus::Stopped), "{row:?}");
        row
    }

    fn check_rows(&self) {
        for rows in self.seen.values() {
            rows.windows(2).for_each(|pair| check_step(&pair[0], &pair[1]));
            rows.iter().for_each(|row| check_times(row));
        }
    }
}

/// TL-10: a version is one state, and each state has a later version than the one before.
fn check_step(before: &Task, after: &Task) {
    assert!(after.version > before.version, "{before:?} {after:?}");
    assert!(after.last_status >= before.last_status, "TL-1");
    assert!(before.stop_code.is_none() || before.stop_code == after.stop_code, "the first cause stays");
    for (before, after) in [
        (before.pull_started_at, after.pull_started_at),
        (before.started_at, after.started_at),
        (before.stopping_at, after.stopping_at),
        (before.stopped_at, after.stopped_at),
    ] {
        assert!(before.is_none() || before == after, "TL-9: a time that is reached stays");
    }
}

/// TL-9: what is there has been reached, in this order.
fn check_times(row: &Task) {
    let stopping = row.desired_status == DesiredStatus::Stopped;
    assert_eq!(row.stopping_at.is_some(), stopping, "{row:?}");
    assert_eq!(row.stopped_at.is_some(), row.last_status == TaskStatus::Stopped, "{row:?}");
    assert!(row.last_status != TaskStatus::Running || row.started_at.is_some(), "{row:?}");
    assert_eq!((row.stop_code.is_some(), row.stopped_reason.is_some()), (stopping, stopping), "{row:?}");
    let times = [Some(row.created_at), row.pull_started_at, row.pull_stopped_at, row.started_at];
    assert!(times.iter().flatten().is_sorted(), "{row:?}");
    let times = [Some(row.created_at), row.stopping_at, row.stopped_at];
    assert!(times.iter().flatten().is_sorted(), "{row:?}");
}

type Cause = fn(&mut Life) -> TaskId;

/// TL-7, TL-8: whoever or whatever ended it, and whether it had run by then.
#[test]
fn every_cause_has_its_code_and_its_reason_tl_8() {
    let causes: [(&str, Behaviour, Cause, StopCode, &str, bool); 11] = [
        ("user", Behaviour::Run, by_user, StopCode::UserInitiated, "Task stopped by user", true),
        ("user with words", Behaviour::Run, by_user_with_words, StopCode::UserInitiated, "enough", true),
        ("user, at once", Behaviour::Hang, at_once, StopCode::UserInitiated, "Task stopped by user", true),
        (
            "exit",
            Behaviour::Run,
            by_exit,
            StopCode::EssentialContainerExited,
            "Essential container in task exited",
            true,
        ),
        (
            "failure",
            Behaviour::FailToStart,
            by_failure,
            StopCode::TaskFailedToStart,
            "CannotPullContainerError: no such image",
            false,
        ),
        (
            "scale in",
            Behaviour::Run,
            by_scale_in,
            StopCode::ServiceSchedulerInitiated,
            "Scaling activity initiated by (deployment ecs-svc/",
            true,
        ),
        (
            "rollout",
            Behaviour::Run,
            by_rollout,
            StopCode::ServiceSchedulerInitiated,
            "Scaling activity initiated by (deployment ecs-svc/",
            true,
        ),
        (
            "deletion",
            Behaviour::Run,
            by_deletion,
            StopCode::ServiceSchedulerInitiated,
            "Scaling activity initiated by (deployment ecs-svc/",
            true,
        ),
        (
            "health",
            Behaviour::Run,
            by_health,
            StopCode::ServiceSchedulerInitiated,
            "Task failed container health checks",
            true,
        ),
        (
            "deregistration",
            Behaviour::Run,
            by_deregistration,
            StopCode::UserInitiated,
            "Container instance deregistration forced by user",
            true,
        ),
        ("loss", Behaviour::Run, by_loss, StopCode::TerminationNotice, "Host EC2 (instance i-a) terminated.", true),
    ];
    for (name, behaviour, cause, code, reason, ran) in causes {
        let mut life = Life::new(behaviour);
        let task = cause(&mut life);
        let row = life.end(task);
        assert_eq!(row.stop_code, Some(code), "{name}");
        let given = row.stopped_reason.as_deref().unwrap_or_default();
        assert!(given.starts_with(reason), "{name}: {given:?} is not {reason:?}");
        assert_eq!(row.started_at.is_some(), ran, "{name}");
        if let Some(deployment) = row.deployment.filter(|_| given.starts_with("Scaling")) {
            assert!(given.contains(&deployment.to_string()), "{name}: of the task's own deployment: {given:?}");
        }
        life.check_rows();
    }
}

fn by_user(life: &mut Life) -> TaskId {
    let task = life.run();
    life.settle();
    life.command(Command::StopTask { task, reason: None });
    life.settle();
    // Again, with other words: of a stopped task nothing changes.
    life.command(Command::StopTask { task, reason: Some("late".into()) });
    task
}

fn by_user_with_words(life: &mut Life) -> TaskId {
    let task = life.run();
    life.settle();
    life.command(Command::StopTask { task, reason: Some("enough".into()) });
    life.command(Command::StopTask { task, reason: Some("more than enough".into()) });
    life.settle();
    task
}

/// Before RUNNING was told: the exit code says that it had got so far.
fn at_once(life: &mut Life) -> TaskId {
    let task = life.run();
    life.command(Command::StopTask { task, reason: None });
    life.settle();
    task
}

fn by_exit(life: &mut Life) -> TaskId {
    let task = life.run();
    life.settle();
    life.world.nodes.get_mut("a").unwrap().exit(task);
    life.settle();
    task
}

fn by_failure(life: &mut Life) -> TaskId {
    let task = life.run();
    life.settle();
    task
}

fn by_scale_in(life: &mut Life) -> TaskId {
    let task = life.serve("web:1");
    let mut update = update_service("web");
    update.desired_count = Some(0);
    life.command(Command::UpdateService(Box::new(update)));
    life.settle();
    task
}

fn by_rollout(life: &mut Life) -> TaskId {
    let task = life.serve("web:1");
    let mut update = update_service("web");
    update.definition = Some(life.world.definition("web:2"));
    life.command(Command::UpdateService(Box::new(update)));
    life.settle();
    task
}

fn by_deletion(life: &mut Life) -> TaskId {
    let task = life.serve("web:1");
    life.command(Command::DeleteService { service: ServiceName::parse("web").unwrap(), force: true });
    life.settle();
    task
}

fn by_health(life: &mut Life) -> TaskId {
    let task = life.serve("checked:1");
    life.world.nodes.get_mut("a").unwrap().set_health(task, HealthStatus::Unhealthy);
    life.settle();
    task
}

fn by_deregistration(life: &mut Life) -> TaskId {
    let task = life.run();
    life.settle();
    let instance = life.world.instance("a");
    life.command(Command::DeregisterContainerInstance { instance, force: true });
    task
}

fn by_loss(life: &mut Life) -> TaskId {
    let task = life.run();
    life.settle();
    life.world.disconnect("a");
    life.world.advance(10 * 60_000);
    life.look();
    task
}
