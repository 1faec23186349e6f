//! Due timers, and forgetting what was kept long enough.

use super::timers::Timer;
use super::{ClusterCore, Outbox};
use plimsoll_model::{Change, InstanceStatus, ServiceName, ServiceStatus, Task, TaskId};

/// Rows forgotten by one step; what is due beyond that is due at once in the next, so that a batch stays small.
const FORGOTTEN_PER_STEP_MAX: usize = 1_000;

impl ClusterCore {
    pub(super) fn run_due_timers(&mut self, out: &mut Outbox) {
        let mut forgotten = 0;
        while forgotten < FORGOTTEN_PER_STEP_MAX
            && let Some(timer) = self.timers.pop_due(self.now)
        {
            forgotten += usize::from(timer.follows_from_a_row());
            self.run_timer(timer, out);
        }
    }

    fn run_timer(&mut self, timer: Timer, out: &mut Outbox) {
        match timer {
            Timer::Grace(instance) => self.grace_is_over(instance, out),
            Timer::Lose(instance) => self.declare_lost(instance, out),
            Timer::Trust(instance) => self.trust_again(instance),
            Timer::TaskHealth(task) => {
                if let Some(row) = self.image.tasks.get(&task).cloned()
                    && self.derive_slot(&row)
                    && let Some(service) = &row.service
                {
                    self.work.mark(service);
                }
            }
            Timer::Protection(task) => self.end_protection(task, out),
            Timer::GiveUpPlacing(task) => self.give_up_placing(task, out),
            Timer::StartAgain(service) | Timer::Repeat(service) => self.work.mark(&service),
            Timer::ForgetTask(task) => self.remove_task(task, out),
            Timer::ForgetService(service) => self.forget_service(&service, out),
            Timer::ForgetServiceDeployment(id) => self.remove_service_deployment(id, out),
            Timer::ForgetInstance(instance) => {
                if self.image.instances.get(&instance).is_some_and(|row| row.status == InstanceStatus::Inactive) {
                    self.remove_instance(instance, out);
                }
            }
            Timer::ForgetToken(operation, token) => self.remove_token(operation, token, out),
        }
    }

    fn end_protection(&mut self, task: TaskId, out: &mut Outbox) {
        if let Some(before) = self.image.tasks.get(&task).cloned() {
            let row = Task { protected_until: None, ..Task::clone(&before) };
            self.update_task(&before, row, out);
        }
    }

    fn forget_service(&mut self, name: &ServiceName, out: &mut Outbox) {
        if self.image.services.get(name).is_none_or(|row| row.status != ServiceStatus::Inactive) {
            return;
        }
        self.forget_events(name, out);
        self.forget_history(name, out);
        self.remove_service(name, out);
    }

    /// What a cluster that was deleted still shows of its past (CL-2).
    pub(super) fn forget_everything(&mut self, out: &mut Outbox) {
        let tasks: Vec<_> = self.image.tasks.keys().copied().collect();
        let services: Vec<_> = self.image.services.keys().cloned().collect();
        let instances: Vec<_> = self.image.instances.keys().copied().collect();
        let tokens: Vec<_> = self.image.tokens.keys().cloned().collect();
        tasks.into_iter().for_each(|task| self.remove_task(task, out));
        services.iter().for_each(|service| self.forget_service(service, out));
        instances.into_iter().for_each(|instance| self.remove_instance(instance, out));
        tokens.into_iter().for_each(|(operation, token)| self.remove_token(operation, token, out));
    }

    pub(super) fn forget_events(&mut self, name: &ServiceName, out: &mut Outbox) {
        let sequences: Vec<u64> = self.image.events_of_service(name).map(|event| event.sequence).collect();
        for sequence in sequences {
            self.emit_event(Change::EventRemoved(name.clone(), sequence), out);
        }
    }
}
