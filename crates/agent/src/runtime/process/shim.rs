//! The process that starts one container, waits for it and writes down how it ended. It outlives the agent.
//!
//! Plain system calls, no async runtime: one of these exists per container.

use super::cgroup::Group;
use super::directory::{Directory, Exit};
use super::order::Order;
use super::probe;
use super::procfs::{self, Process};
use crate::runtime::OUT_OF_MEMORY;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// What the shim says on its standard output when the container runs. Anything else is why it does not.
pub(super) const STARTED: &str = "started";

/// The body of the hidden subcommand: `args` are what follows the shim command, which is the container's directory.
pub fn shim_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // A session of its own: no terminal's Ctrl-C and no hang-up reaches the container.
    if let Err(error) = nix::unistd::setsid() {
        eprintln!("no session of its own: {error}");
    }
    // What the container leaves behind comes to this process instead of init.
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        eprintln!("orphans of the container will not be found: {error}");
    }
    let mut args = args.into_iter();
    let Some(directory) = args.next().map(PathBuf::from).and_then(Directory::at) else {
        say("the shim was not given a container's directory");
        return ExitCode::FAILURE;
    };
    let done = match args.next() {
        Some(what) if what == probe::CHECK => probe::check(&directory),
        Some(_) | None => run(&directory).map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(directory: &Directory) -> io::Result<()> {
    let _alive = directory.lock()?;
    let order = directory.order().inspect_err(|error| say(&format!("no order: {error}")))?;
    directory.forget_last_run().inspect_err(|error| say(&format!("the last run stays: {error}")))?;
    let kills_before = kills_for_memory(&order);
    let started = start(directory, &order).and_then(|pid| {
        // There is no process to write down if it has ended already: how it ended is collected below all the same.
        if let Some(process) = Process::of(pid.as_raw()) {
            directory.write_running(&process)?;
        }
        Ok(pid)
    });
    let main = match started {
        Ok(pid) => pid,
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
    let exit_code = wait_for(main)?;
    end_the_rest(&order, main);
    let out_of_memory = kills_for_memory(&order) > kills_before;
    let reason = out_of_memory.then(|| OUT_OF_MEMORY.to_owned());
    directory.write_exit(&Exit { exit_code: Some(exit_code), reason })
}

fn kills_for_memory(order: &Order) -> u64 {
    order.cgroup.as_ref().map_or(0, Group::out_of_memory_count)
}

fn start(directory: &Directory, order: &Order) -> io::Result<Pid> {
    let append = |name| OpenOptions::new().create(true).append(true).open(directory.path().join(name));
    let (stdout, stderr) = (append("stdout")?, append("stderr")?);
    let mut command = inside(directory, order, &order.arguments)?;
    command.stdout(stdout).stderr(stderr);
    spawn(command, order)
}

/// A command with everything the container's own process has: user, directory, environment, limits.
pub(super) fn inside(directory: &Directory, order: &Order, arguments: &[String]) -> io::Result<Command> {
    let work = directory.path().join("work");
    fs::create_dir_all(&work)?;
    if let Some((uid, gid)) = order.user {
        std::os::unix::fs::chown(&work, Some(uid), Some(gid))?;
    }
    for limit in &order.ulimits {
        limit.apply()?;
    }
    let (program, arguments) = arguments.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&order.environment)
        .current_dir(order.working_directory.as_ref().unwrap_or(&work))
        .stdin(Stdio::null())
        .process_group(0);
    if let Some((uid, gid)) = order.user {
        command.uid(uid).gid(gid);
    }
    Ok(command)
}

/// In the container's group.
pub(super) fn spawn(mut command: Command, order: &Order) -> io::Result<Pid> {
    let child = match &order.cgroup {
        None => command.spawn()?,
        Some(group) => {
            group.enter()?;
            let child = command.spawn();
            group.leave()?;
            child?
        }
    };
    // Collected by number, among everything else: see `wait_for`.
    i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
}

/// Whoever ends agents by name ends shims too, and would lose the exit code. Only after the child is there: it would
/// inherit this.
fn ignore_polite_signals() {
    let polite: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
    if let Err(error) = polite.thread_block() {
        eprintln!("signals could not be blocked: {error}");
    }
}

/// The exit code of the container's first process. What else of it ends meanwhile is collected too.
fn wait_for(main: Pid) -> io::Result<i32> {
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, code)) if pid == main => return Ok(code),
            // As a shell and the container engines count.
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == main => return Ok(128 + signal as i32),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The end of its first process is the end of a container. Whatever it left has become a child of this process, or
/// does so as soon as its own parent is gone.
fn end_the_rest(order: &Order, main: Pid) {
    loop {
        killpg(main, Signal::SIGKILL).ok();
        if let Some(group) = &order.cgroup {
            group.kill_all();
        }
        for child in procfs::children() {
            kill(Pid::from_raw(child), Signal::SIGKILL).ok();
        }
        if wait() == Err(Errno::ECHILD) {
            return;
        }
    }
}

/// To an agent that may be gone, in which case nobody needs to know.
fn say(line: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", line.replace('\n', " ")).and_then(|()| output.flush()).ok();
}
