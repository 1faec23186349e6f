//! Running a program and failing with the command line that can be pasted.

use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

pub struct Step {
    program: OsString,
    args: Vec<OsString>,
    command: Command,
}

impl Step {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Step { program: program.as_ref().to_owned(), args: Vec::new(), command: Command::new(program) }
    }

    pub fn cargo<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Step::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(args)
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        for arg in args {
            self.args.push(arg.as_ref().to_owned());
            self.command.arg(arg);
        }
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Inherits the terminal; a status other than 0 is an error.
    pub fn run(mut self) -> Result<()> {
        let status = self.command.stdin(Stdio::null()).status().with_context(|| self.line())?;
        if !status.success() {
            bail!("{} ended with {status}", self.line());
        }
        Ok(())
    }

    /// Standard output of a program that must succeed.
    pub fn output(mut self) -> Result<String> {
        let output = self.command.stdin(Stdio::null()).output().with_context(|| self.line())?;
        if !output.status.success() {
            bail!("{} ended with {}: {}", self.line(), output.status, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub fn succeeds(mut self) -> bool {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }
}

/// Where a program is, looking in `PATH` and then in `also`.
pub fn find(program: &str, also: &[&str]) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(also.iter().map(std::path::PathBuf::from));
    dirs.map(|dir| dir.join(program)).find(|candidate| candidate.is_file())
}
