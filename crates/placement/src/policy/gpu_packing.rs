//! GPU packing: devices that are shared already first, then free devices of nodes in use, idle nodes last (the
//! "Packing" baseline of the FGD paper, ATC'23).

use super::options::{OptionReader, PolicyError};
use super::{Context, DEVICES_MAX, Node, Policy, Score, Task, WHOLE_GPU};

#[derive(Debug)]
struct GpuPacking;

impl Policy for GpuPacking {
    fn score(&self, task: &Task, node: &Node) -> Score {
        if task.gpus == 0 {
            return 0;
        }
        let free = node.gpu_free();
        if free.iter().all(|free| *free == WHOLE_GPU) {
            let devices = free.len() as i64;
            return devices.max(33 - devices);
        }
        let mut fitting = [0; DEVICES_MAX];
        let mut count = 0;
        for free in free.iter().filter(|free| **free >= task.gpu_milli) {
            fitting[count] = *free;
            count += 1;
        }
        fitting[..count].sort_unstable();
        let taken = &fitting[..usize::from(task.gpus).min(count)];
        let untouched = taken.iter().filter(|free| **free == WHOLE_GPU).count() as i64;
        if untouched > 0 {
            return 33.max(50 - untouched);
        }
        // A hundredth of the free thousandths is a tenth of the free percent.
        let tens_of_percent = taken.iter().map(|free| i64::from(*free)).sum::<i64>() / 100;
        50.max(100 - tens_of_percent)
    }
}

pub(super) fn build(_: &mut OptionReader, _: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    Ok(Box::new(GpuPacking))
}
