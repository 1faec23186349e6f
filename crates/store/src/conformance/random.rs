//! Batches nobody thought of: every kind of change, on rows that exist or do not, as long as the rules hold.

use super::rows::*;
use plimsoll_model::{Change, DeploymentId, Image, InstanceId, Task, TaskDefinition, TaskId, TaskStatus, TokenResult};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) struct Generator {
    state: u64,
    definitions: Vec<Arc<TaskDefinition>>,
    next_task: u128,
    next_event: u64,
}

impl Generator {
    pub fn new(seed: u64, definitions: Vec<Arc<TaskDefinition>>) -> Self {
        Generator { state: seed, definitions, next_task: 1, next_event: 0 }
    }

    /// SplitMix64: enough for choosing, and the same everywhere.
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Up to 30 changes that the image allows, the use that follows from them, and the definitions they name.
    pub fn changes(&mut self, image: &Image) -> Vec<Change> {
        let mut ahead = image.clone();
        let mut changes = Vec::new();
        for _ in 0..=self.below(30) {
            let change = self.change(&ahead);
            ahead.apply_all(&change);
            changes.extend(change);
        }
        for id in ahead.instances.keys() {
            let held = ahead.tasks_of_instance(*id).filter(|task| !task.is_stopped()).count();
            let change = used(id.as_u128(), held as u64);
            if !matches!(&change, Change::Usage(_, usage) if ahead.usage.get(id) == Some(usage)) {
                changes.push(change);
            }
        }
        ahead.apply_all(&changes);
        changes.extend(self.references(&ahead));
        changes
    }

    fn change(&mut self, image: &Image) -> Vec<Change> {
        let name = format!("service-{}", self.below(4));
        let chosen = self.below(self.definitions.len() as u64) as usize;
        let definition = self.definitions[chosen].id.clone();
        match self.below(16) {
            0 => vec![Change::Cluster(Arc::new(bare_cluster(&key("random"))))],
            1 => vec![Change::Instance(Arc::new(bare_instance(self.below(5).into())))],
            2 => self.remove_instance(image),
            3 => vec![Change::Service(Arc::new(full_service(&name, &definition)))],
            4 => vec![Change::ServiceRemoved(service_name(&name))],
            5 => {
                // A deployment stays with its service.
                let (id, service) = (self.below(2), self.below(4));
                let name = format!("service-{service}");
                vec![Change::Deployment(Arc::new(full_deployment(4 * id + service, &name, &definition)))]
            }
            6 => vec![Change::DeploymentRemoved(DeploymentId::from_u64(self.below(8)))],
            7 => {
                // The number of an event is given once.
                self.next_event += 1;
                vec![Change::Event(Arc::new(event(&name, self.next_event, &format!("{}", self.below(99)))))]
            }
            8 => {
                let service = service_name(&name);
                let oldest = image.events_of_service(&service).next().map_or(0, |event| event.sequence);
                vec![Change::EventRemoved(service, oldest)]
            }
            9 => {
                let result = TokenResult::Tasks(vec![TaskId::from_u128(self.below(99).into())]);
                vec![Change::Token(Arc::new(token("RunTask", &format!("{}", self.below(4)), result)))]
            }
            10 => vec![Change::TokenRemoved("RunTask".into(), format!("{}", self.below(4)).into())],
            11 => self.remove_task(image),
            12 => self.update_task(image),
            13 => {
                let (id, service) = (self.below(3), self.below(4));
                let name = format!("service-{service}");
                let entry = match self.below(2) {
                    0 => bare_service_deployment(4 * id + service, &name, &definition),
                    _ => full_service_deployment(4 * id + service, &name, &definition),
                };
                vec![Change::ServiceDeployment(Arc::new(entry))]
            }
            14 => vec![Change::ServiceDeploymentRemoved(DeploymentId::from_u64(self.below(12)))],
            _ => self.create_task(image, &definition),
        }
    }

    fn remove_instance(&mut self, image: &Image) -> Vec<Change> {
        let id = InstanceId::from_u128(self.below(5).into());
        let is_free = image.tasks_of_instance(id).all(|task| task.is_stopped());
        if is_free && image.instances.contains_key(&id) { vec![Change::InstanceRemoved(id)] } else { vec![] }
    }

    fn create_task(&mut self, image: &Image, definition: &plimsoll_model::TaskDefinitionId) -> Vec<Change> {
        let Some(instance) = self.pick(image.instances.keys().copied().collect()) else { return vec![] };
        let mut task = match self.below(2) {
            0 => bare_task(self.next_task, instance.as_u128(), definition),
            _ => full_task(self.next_task, instance.as_u128(), definition),
        };
        self.next_task += 1;
        let taken: BTreeSet<_> = image
            .tasks_of_instance(instance)
            .filter(|other| !other.is_stopped())
            .flat_map(|other| other.reserved.ports.clone())
            .collect();
        let free = [tcp(8080), udp(8080), tcp(9090)].into_iter().filter(|port| !taken.contains(port));
        task.reserved.ports = free.take(self.below(4) as usize).collect();
        vec![created(&task)]
    }

    fn update_task(&mut self, image: &Image) -> Vec<Change> {
        let Some(id) = self.pick(image.tasks.keys().copied().collect()) else { return vec![] };
        let mut task = Task::clone(&image.tasks[&id]);
        task.version += 1;
        match self.below(3) {
            0 => stop(&mut task),
            1 if !task.is_stopped() => full_ending(&mut task),
            _ => task.last_status = task.last_status.max(TaskStatus::Running),
        }
        vec![updated(&task)]
    }

    fn remove_task(&mut self, image: &Image) -> Vec<Change> {
        let picked = self.pick(image.tasks.keys().copied().collect());
        picked.map(Change::TaskRemoved).into_iter().collect()
    }

    fn pick<T: Copy>(&mut self, from: Vec<T>) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len() as u64) as usize])
    }

    /// What the core would say about definitions that come into use and go out of it.
    fn references(&self, image: &Image) -> Vec<Change> {
        let named = crate::definitions::named_by(image);
        let known: BTreeMap<_, _> = self.definitions.iter().map(|row| (&row.id, row)).collect();
        let gone = image.definitions.keys().filter(|id| !named.contains(*id));
        let mut changes: Vec<Change> = gone.map(|id| Change::DefinitionReleased(id.clone())).collect();
        let come = named.iter().filter(|id| !image.definitions.contains_key(*id));
        changes.extend(come.map(|id| Change::DefinitionReferenced(Arc::clone(known[id]))));
        changes
    }
}
