//! What one task needs, as a policy sees it.

/// A whole device, in thousandths.
pub const WHOLE_GPU: u16 = 1000;

/// Distinct GPU models of one cluster: they are bits of one word.
pub const MODELS_MAX: usize = 64;

/// The GPU models a task may run on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Models(Option<u64>);

impl Models {
    /// Any model, or none at all.
    pub const ANY: Models = Models(None);

    /// The models with these ordinals, each less than [`MODELS_MAX`].
    pub fn only(ordinals: impl IntoIterator<Item = u8>) -> Self {
        Models(Some(ordinals.into_iter().fold(0, |mask, ordinal| mask | 1 << ordinal)))
    }

    pub fn allow(self, model: Option<u8>) -> bool {
        self.0.is_none_or(|mask| model.is_some_and(|model| mask >> model & 1 == 1))
    }
}

/// The needs of a task. Tasks with equal needs are one shape.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Task {
    /// Thousandths of a core.
    pub cpu_milli: u32,
    pub memory_mib: u32,
    /// Devices.
    pub gpus: u8,
    /// Thousandths of each device; below [`WHOLE_GPU`] the task shares it.
    pub gpu_milli: u16,
    pub models: Models,
}

impl Task {
    /// Thousandths of a device over all devices.
    pub fn gpu_milli_total(&self) -> u32 {
        u32::from(self.gpus) * u32::from(self.gpu_milli)
    }

    pub fn shares_a_device(&self) -> bool {
        self.gpus == 1 && self.gpu_milli < WHOLE_GPU
    }

    /// 0 for a task that shares a device, else the number of its devices; `None` for a task without GPU.
    pub fn gpu_class(&self) -> Option<usize> {
        match self.gpus {
            0 => None,
            _ if self.shares_a_device() => Some(0),
            devices => Some(usize::from(devices)),
        }
    }
}
