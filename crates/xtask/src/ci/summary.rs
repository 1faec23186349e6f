//! Names each step while it runs and lists their times at the end.

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use std::time::{Duration, Instant};

pub struct Summary {
    only: Option<String>,
    steps: Vec<(String, Duration)>,
    started: Instant,
}

/// What a step needs to have run before it, whatever `--only` says.
const NEEDS: &[(&str, &[&str])] = &[
    ("codegen is fresh", &["tools"]),
    ("tests", &["tools", "postgres", "docker"]),
    ("real clients", &["tools", "postgres", "docker", "build"]),
    ("deploy files", &["tools"]),
];

impl Summary {
    pub fn new(only: Option<String>) -> Self {
        Summary { only, steps: Vec::new(), started: Instant::now() }
    }

    pub fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let needed = |only: &str| NEEDS.iter().any(|(step, needs)| step.contains(only) && needs.contains(&name));
        let wanted = self.only.as_deref().is_none_or(|only| name.contains(only) || needed(only));
        if !wanted {
            return Ok(());
        }
        println!("--- {name}");
        let started = Instant::now();
        work().with_context(|| format!("step '{name}' failed"))?;
        self.steps.push((name.to_owned(), started.elapsed()));
        Ok(())
    }

    pub fn finish(self) -> Result<()> {
        if let Some(only) = self.only
            && !self.steps.iter().any(|(name, _)| name.contains(&only))
        {
            bail!("no step's name contains {only:?}");
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for (name, elapsed) in &self.steps {
            table.add_row([name.clone(), format!("{:>7.1} s", elapsed.as_secs_f64())]);
        }
        println!("\n{table}\nci: {} steps passed in {:.0} s", self.steps.len(), self.started.elapsed().as_secs_f64());
        Ok(())
    }
}
