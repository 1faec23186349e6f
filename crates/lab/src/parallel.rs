//! Numbered runs on several threads. Results come in the order of the numbers, whoever was faster.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many runs happen at the same time, and who hears of it.
#[derive(Debug)]
pub struct Workers {
    threads: usize,
    bar: bool,
}

impl Workers {
    /// `threads` of 0 means one per core. The bar is drawn on standard error, and only if that is a terminal.
    pub fn new(threads: usize) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Workers { threads: if threads == 0 { cores() } else { threads }, bar: true }
    }

    /// Nothing is drawn.
    pub fn silent(threads: usize) -> Self {
        Workers { bar: false, ..Workers::new(threads) }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `work` with every number below `runs`.
    pub fn all<T: Send>(&self, runs: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let bar = self.progress(runs as u64);
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<Option<T>>> = Mutex::new((0..runs).map(|_| None).collect());
        std::thread::scope(|scope| {
            for _ in 0..self.threads.clamp(1, runs.max(1)) {
                scope.spawn(|| {
                    loop {
                        let nth = next.fetch_add(1, Ordering::Relaxed);
                        if nth >= runs {
                            return;
                        }
                        let result = work(nth);
                        done.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[nth] = Some(result);
                        bar.inc(1);
                    }
                });
            }
        });
        bar.finish_and_clear();
        let done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        done.into_iter().map(|result| result.expect("every number was worked on")).collect()
    }

    fn progress(&self, runs: u64) -> ProgressBar {
        if !self.bar {
            return ProgressBar::hidden();
        }
        let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let template = if coloured {
            "{bar:40.cyan/blue} {pos}/{len} runs, {elapsed} gone, {eta} to go"
        } else {
            "{bar:40} {pos}/{len} runs, {elapsed} gone, {eta} to go"
        };
        let style = ProgressStyle::with_template(template).expect("the template names what there is");
        ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::stderr()).with_style(style)
    }
}

#[cfg(test)]
mod tests {
    use super::Workers;

    #[test]
    fn results_are_in_order_whatever_the_number_of_threads() {
        for threads in [1, 2, 7] {
            assert_eq!(Workers::silent(threads).all(20, |nth| nth * nth), (0..20).map(|n| n * n).collect::<Vec<_>>());
        }
        assert_eq!(Workers::silent(0).all(0, |nth| nth), Vec::<usize>::new());
    }
}
