//! The process that starts one container, waits for it and writes down how it ended. It outlives the agent.
//!
//! Plain system calls, no async runtime: one of these exists per container.

use super::directory::{Directory, Exit};
use super::order::Order;
use super::procfs::Process;
use crate::runtime::OUT_OF_MEMORY;
use nix::sys::signal::{SigSet, Signal};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

/// What the shim says on its standard output when the container runs. Anything else is why it does not.
pub(super) const STARTED: &str = "started";

/// The body of the hidden subcommand: `args` are what follows the shim command, which is the container's directory.
pub fn shim_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // A session of its own: no terminal's Ctrl-C and no hang-up reaches the container.
    if let Err(error) = nix::unistd::setsid() {
        eprintln!("no session of its own: {error}");
    }
    let Some(directory) = args.into_iter().next().map(PathBuf::from).and_then(Directory::at) else {
        say("the shim was not given a container's directory");
        return ExitCode::FAILURE;
    };
    match run(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(directory: &Directory) -> io::Result<()> {
    let _alive = directory.lock()?;
    let order = directory.order().inspect_err(|error| say(&format!("no order: {error}")))?;
    let started = start(directory, &order).and_then(|mut child| {
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let process = Process::of(pid);
        match process {
            Some(process) => directory.write_running(&process)?,
            // It has ended already, and waiting for it below tells how.
            None => drop(child.try_wait()?),
        }
        Ok(child)
    });
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            let reason = format!("{}: {error}", order.arguments[0]);
            // For an agent that was killed while it waited for the word.
            directory.write_exit(&Exit { exit_code: None, reason: Some(reason.clone()) })?;
            say(&reason);
            return Ok(());
        }
    };
    ignore_polite_signals();
    say(STARTED);
    let status = child.wait()?;
    directory.write_exit(&clean_up(&order, &child, status))
}

fn start(directory: &Directory, order: &Order) -> io::Result<Child> {
    let work = directory.path().join("work");
    fs::create_dir_all(&work)?;
    if let Some((uid, gid)) = order.user {
        std::os::unix::fs::chown(&work, Some(uid), Some(gid))?;
    }
    for limit in &order.ulimits {
        limit.apply()?;
    }
    let mut command = Command::new(&order.arguments[0]);
    command
        .args(&order.arguments[1..])
        .env_clear()
        .envs(&order.environment)
        .current_dir(order.working_directory.as_ref().unwrap_or(&work))
        .stdin(Stdio::null())
        .stdout(File::create(directory.path().join("stdout"))?)
        .stderr(File::create(directory.path().join("stderr"))?)
        .process_group(0);
    if let Some((uid, gid)) = order.user {
        command.uid(uid).gid(gid);
    }
    let Some(group) = &order.cgroup else { return command.spawn() };
    group.enter()?;
    let child = command.spawn();
    group.leave()?;
    child
}

/// Whoever ends agents by name ends shims too, and would lose the exit code. Only after the child is there: it would
/// inherit this.
fn ignore_polite_signals() {
    let polite: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
    if let Err(error) = polite.thread_block() {
        eprintln!("signals could not be blocked: {error}");
    }
}

/// The end of its first process is the end of a container: what else is in it goes too.
fn clean_up(order: &Order, child: &Child, status: ExitStatus) -> Exit {
    if let Ok(pid) = i32::try_from(child.id()) {
        nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).ok();
    }
    let mut out_of_memory = false;
    if let Some(group) = &order.cgroup {
        group.kill_all();
        out_of_memory = group.was_out_of_memory();
    }
    // As a shell and the container engines count: 128 and the number of the signal.
    let exit_code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Exit { exit_code, reason: out_of_memory.then(|| OUT_OF_MEMORY.to_owned()) }
}

/// To an agent that may be gone, in which case nobody needs to know.
fn say(line: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", line.replace('\n', " ")).and_then(|()| output.flush()).ok();
}
