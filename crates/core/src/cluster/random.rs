//! Streams of random numbers, one per use, so that drawing a task id does not change a placement.

use plimsoll_model::{DeploymentId, InstanceId, TaskId, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug)]
pub(super) struct Streams {
    task_ids: ChaCha8Rng,
    deployments: ChaCha8Rng,
    events: ChaCha8Rng,
    instances: ChaCha8Rng,
    /// Tie-breaks and the `random` strategy.
    pub placement: ChaCha8Rng,
}

impl Streams {
    /// The time of the load is part of the seed: a core loaded again after a failed commit draws other ids than
    /// before, so an id a node has heard of is never given to a second task.
    pub fn new(seed: u64, epoch: u64, loaded_at: Timestamp) -> Self {
        let mut bytes = [0_u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&epoch.to_le_bytes());
        bytes[16..24].copy_from_slice(&loaded_at.as_millis().to_le_bytes());
        let stream = |number: u64| {
            let mut rng = ChaCha8Rng::from_seed(bytes);
            rng.set_stream(number);
            rng
        };
        Streams {
            task_ids: stream(1),
            deployments: stream(2),
            placement: stream(3),
            events: stream(4),
            instances: stream(5),
        }
    }

    pub fn task_id(&mut self) -> TaskId {
        TaskId::from_u128(draw_u128(&mut self.task_ids))
    }

    pub fn deployment_id(&mut self) -> DeploymentId {
        DeploymentId::from_random(self.deployments.next_u64())
    }

    pub fn event_id(&mut self) -> u128 {
        draw_u128(&mut self.events)
    }

    pub fn instance_id(&mut self) -> InstanceId {
        InstanceId::from_u128(draw_u128(&mut self.instances))
    }

    /// 17 hex digits after `i-`, as EC2 writes them.
    pub fn ec2_instance_id(&mut self) -> String {
        format!("i-{:017x}", draw_u128(&mut self.instances) >> 60)
    }
}

fn draw_u128(rng: &mut ChaCha8Rng) -> u128 {
    (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64())
}
