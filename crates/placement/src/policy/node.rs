//! One node as a policy sees it: what it has, what is free, and what kinds of tasks are on it.

use super::{Task, WHOLE_GPU};

/// Devices of one node.
pub const DEVICES_MAX: usize = 16;

/// What a node has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeShape {
    /// Thousandths of a core.
    pub cpu_milli: u32,
    pub memory_mib: u32,
    /// At most [`DEVICES_MAX`].
    pub gpus: u8,
    /// Ordinal of the devices' model, less than [`super::MODELS_MAX`].
    pub model: Option<u8>,
    /// Tasks it may hold at once.
    pub tasks_max: u32,
}

/// What a task holds on its node beside CPU and memory: one bit per device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Claim {
    devices: u16,
}

impl Claim {
    fn one(device: usize) -> Self {
        Claim { devices: 1 << device }
    }

    /// Indexes of the devices, ascending.
    pub fn devices(self) -> impl Iterator<Item = usize> {
        (0..DEVICES_MAX).filter(move |device| self.devices >> device & 1 == 1)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    shape: NodeShape,
    cpu_free: u32,
    memory_free: u32,
    /// Thousandths left on each device.
    gpu_free: [u16; DEVICES_MAX],
    tasks: u32,
    /// GPU tasks by class: 0 for those that share a device, else by number of devices.
    gpu_tasks: [u32; DEVICES_MAX + 1],
    closed: bool,
}

impl Node {
    pub fn empty(shape: NodeShape) -> Self {
        assert!(usize::from(shape.gpus) <= DEVICES_MAX, "{} devices exceed {DEVICES_MAX}", shape.gpus);
        let mut gpu_free = [0; DEVICES_MAX];
        gpu_free[..usize::from(shape.gpus)].fill(WHOLE_GPU);
        Node {
            shape,
            cpu_free: shape.cpu_milli,
            memory_free: shape.memory_mib,
            gpu_free,
            tasks: 0,
            gpu_tasks: [0; DEVICES_MAX + 1],
            closed: false,
        }
    }

    /// A node on which so much is free, and so many of its devices as a whole.
    pub(super) fn with_free(shape: NodeShape, cpu_free: u32, memory_free: u32, devices_free: usize) -> Self {
        let mut node = Node::empty(shape);
        (node.cpu_free, node.memory_free) = (cpu_free, memory_free);
        // Tasks take devices by index.
        node.gpu_free[..usize::from(shape.gpus) - devices_free].fill(0);
        node
    }

    /// Counts tasks in that hold what is not free: how many in all, and those with GPUs by their number of devices.
    pub(super) fn count_tasks(&mut self, tasks: u32, with_gpus: impl Iterator<Item = (u32, u32)>) {
        self.tasks += tasks;
        for (gpus, tasks) in with_gpus {
            self.gpu_tasks[(gpus as usize).min(DEVICES_MAX)] += tasks;
        }
    }

    pub fn shape(&self) -> &NodeShape {
        &self.shape
    }

    pub fn cpu_free(&self) -> u32 {
        self.cpu_free
    }

    pub fn memory_free(&self) -> u32 {
        self.memory_free
    }

    /// Thousandths left on each device, by index.
    pub fn gpu_free(&self) -> &[u16] {
        &self.gpu_free[..usize::from(self.shape.gpus)]
    }

    pub fn gpu_free_total(&self) -> u32 {
        self.gpu_free().iter().map(|free| u32::from(*free)).sum()
    }

    /// Tasks on it.
    pub fn tasks(&self) -> u32 {
        self.tasks
    }

    /// GPU tasks of the class [`Task::gpu_class`] names, and all GPU tasks.
    pub fn gpu_tasks(&self, class: usize) -> (u32, u32) {
        (self.gpu_tasks[class], self.gpu_tasks.iter().sum())
    }

    /// Closed nodes take no task.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn close(&mut self) {
        assert_eq!(self.tasks, 0, "a node with tasks cannot be closed");
        self.closed = true;
    }

    pub(super) fn open(&mut self) {
        self.closed = false;
    }

    pub fn fits(&self, task: &Task) -> bool {
        !self.closed
            && self.cpu_free >= task.cpu_milli
            && self.memory_free >= task.memory_mib
            && self.tasks < self.shape.tasks_max
            && task.models.allow(self.shape.model)
            && (task.gpus == 0 || self.fitting_devices(task.gpu_milli) >= usize::from(task.gpus))
    }

    pub fn fitting_devices(&self, gpu_milli: u16) -> usize {
        self.gpu_free().iter().filter(|free| **free >= gpu_milli).count()
    }

    /// The device with the least left among those with `gpu_milli`; the lowest index among equals.
    pub fn tightest_device(&self, gpu_milli: u16) -> Option<usize> {
        let fitting = self.gpu_free().iter().enumerate().filter(|(_, free)| **free >= gpu_milli);
        fitting.min_by_key(|(_, free)| **free).map(|(device, _)| device)
    }

    /// What a task that fits would hold. Whole devices are taken by index; `shared` names the one of a sharing task.
    pub(super) fn claim(&self, task: &Task, shared: Option<usize>) -> Claim {
        if let Some(device) = shared {
            return Claim::one(device);
        }
        let fitting = self.gpu_free().iter().enumerate().filter(|(_, free)| **free >= task.gpu_milli);
        let devices = fitting.take(usize::from(task.gpus)).fold(0, |mask, (device, _)| mask | 1 << device);
        Claim { devices }
    }

    pub(super) fn take(&mut self, task: &Task, claim: Claim) {
        assert!(self.fits(task), "{task:?} does not fit {self:?}");
        self.cpu_free -= task.cpu_milli;
        self.memory_free -= task.memory_mib;
        self.tasks += 1;
        for device in claim.devices() {
            self.gpu_free[device] =
                self.gpu_free[device].checked_sub(task.gpu_milli).expect("a claim is for what is free");
        }
        if let Some(class) = task.gpu_class() {
            self.gpu_tasks[class] += 1;
        }
    }

    pub(super) fn give_back(&mut self, task: &Task, claim: Claim) {
        self.cpu_free += task.cpu_milli;
        self.memory_free += task.memory_mib;
        self.tasks -= 1;
        for device in claim.devices() {
            self.gpu_free[device] += task.gpu_milli;
            assert!(self.gpu_free[device] <= WHOLE_GPU, "device {device} has more free than it has");
        }
        if let Some(class) = task.gpu_class() {
            self.gpu_tasks[class] -= 1;
        }
        assert!(self.cpu_free <= self.shape.cpu_milli && self.memory_free <= self.shape.memory_mib);
    }
}
