//! Processes that outlive their starter, told apart by id *and* start time.

use crate::{eventually, files};
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, WaitOptions};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// One process: its id, and the moment at which it started (in the kernel's ticks since boot).
///
/// Ids are given out again; the pair is not, so a recycled id is never taken for the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub pid: u32,
    /// Start in ticks since boot.
    pub started: u64,
}

impl Identity {
    /// The identity of a process that runs now; `None` when there is none, or only its exit status is left.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started) = parse_stat(&stat)?;
        (state != 'Z' && state != 'X').then_some(Self { pid, started })
    }

    pub fn own() -> Self {
        let pid = std::process::id();
        Self::of(pid).unwrap_or(Self { pid, started: 0 })
    }

    pub fn alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Its descendants, as far as they run now.
    fn descendants(self) -> Vec<Self> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let pairs: Vec<(u32, Self)> = numbers.filter_map(|pid| Some((parent(pid)?, Self::of(pid)?))).collect();
        let mut family = vec![self];
        let mut next = 0;
        while let Some(&ancestor) = family.get(next) {
            family.extend(pairs.iter().filter(|(parent, _)| *parent == ancestor.pid).map(|(_, child)| *child));
            next += 1;
        }
        family.split_off(1)
    }

    /// Ends the process and its descendants at once, the process first, so that it can't start others.
    fn kill_family(self) {
        let descendants = self.descendants();
        self.signal(Signal::KILL);
        descendants.into_iter().for_each(|process| process.signal(Signal::KILL));
    }

    fn signal(self, signal: Signal) {
        // Between the look and the signal the process may end; then there is nothing left to do.
        if let Some(pid) = self.alive().then(|| i32::try_from(self.pid).ok()).flatten().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Collects the exit status if this process is the parent, so that no zombie stays.
    fn reap(self) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let _ = rustix::process::waitpid(pid, WaitOptions::NOHANG);
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// State and start time from `/proc/<pid>/stat`. The name in it may hold spaces and brackets itself.
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    Some((fields.first()?.chars().next()?, fields.get(19)?.parse().ok()?))
}

/// A process known by the files it leaves: `<name>.pid` and `<name>.log` in a folder.
#[derive(Debug, Clone)]
pub struct Daemon {
    folder: PathBuf,
    name: String,
}

impl Daemon {
    /// Names a daemon; nothing is started.
    pub fn new(folder: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self { folder: folder.into(), name: name.into() }
    }

    pub fn log_path(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    fn pid_path(&self) -> PathBuf {
        self.folder.join(format!("{}.pid", self.name))
    }

    pub fn running(&self) -> Option<Identity> {
        let text = fs::read_to_string(self.pid_path()).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let identity = Identity { pid: pid.parse().ok()?, started: started.parse().ok()? };
        if identity.alive() {
            return Some(identity);
        }
        identity.reap();
        None
    }

    /// Starts the program with its output appended to the log.
    ///
    /// `detached` gives it a session of its own, so that it survives the starter and its terminal; otherwise it
    /// stays in the starter's process group and falls with it.
    pub fn spawn(&self, command: &Command, detached: bool) -> Result<Identity> {
        files::folder(&self.folder).with_context(|| format!("creating {}", self.folder.display()))?;
        let log = files::append(&self.log_path())?;
        let mut command = if detached { in_new_session(command) } else { tied_to_us(command) };
        // Logs are files: colours would only be in the way of searching them.
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {}", self.name))?;
        // A program that ended at once has no entry any more; its log says why.
        let identity = Identity::of(child.id()).unwrap_or(Identity { pid: child.id(), started: 0 });
        files::write(&self.pid_path(), format!("{} {}\n", identity.pid, identity.started).as_bytes())?;
        Ok(identity)
    }

    /// Asks the process to end and, after `grace`, ends it.
    pub async fn stop(&self, grace: Duration) -> Result<()> {
        if let Some(identity) = self.running() {
            identity.signal(Signal::TERM);
            if self.ended(grace).await.is_err() {
                self.kill9().await?;
            }
        }
        let _ = fs::remove_file(self.pid_path());
        Ok(())
    }

    /// Ends the process and its descendants without giving them a moment (SIGKILL), and waits until they are gone.
    pub async fn kill9(&self) -> Result<()> {
        let Some(identity) = self.running() else { return Ok(()) };
        let descendants = identity.descendants();
        identity.kill_family();
        self.ended(Duration::from_secs(10)).await?;
        let what = format!("the children of {} to end", self.name);
        let gone = async || Ok(descendants.iter().all(|child| !child.alive()).then_some(()));
        eventually(Duration::from_secs(10), &what, gone).await
    }

    /// Halts the process and its descendants (SIGSTOP): its sockets take connections, and nothing is answered.
    pub fn pause(&self) {
        self.signal_family(Signal::STOP);
    }

    /// Lets what was [paused](Self::pause) go on (SIGCONT).
    pub fn resume(&self) {
        self.signal_family(Signal::CONT);
    }

    fn signal_family(&self, signal: Signal) {
        let Some(identity) = self.running() else { return };
        identity.signal(signal);
        identity.descendants().into_iter().for_each(|child| child.signal(signal));
    }

    /// Sends SIGKILL without waiting: for places that can't wait, such as `drop`.
    pub fn kill_and_forget(&self) {
        if let Some(identity) = self.running() {
            identity.kill_family();
            identity.reap();
        }
    }

    async fn ended(&self, limit: Duration) -> Result<()> {
        let what = format!("{} to end", self.name);
        eventually(limit, &what, || async { Ok(self.running().is_none().then_some(())) }).await
    }

    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.log_path(), lines)
    }
}

/// The last lines of a file; empty if there is none.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Becomes the program that follows, whose files only their owner reads.
const CLOSED: [&str; 4] = ["sh", "-c", "umask 077; exec \"$@\"", "sh"];

/// The same command under `setsid`, which keeps the process id because a fresh child leads no group.
fn in_new_session(command: &Command) -> Command {
    let mut wrapped = Command::new("setsid");
    wrapped.args(CLOSED).arg(command.get_program());
    with_details_of(wrapped, command)
}

/// The system kills it when we die, however we do: a test that is killed leaves nothing behind.
fn tied_to_us(command: &Command) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--pdeathsig", "KILL", "--"]).args(CLOSED).arg(command.get_program());
    with_details_of(wrapped, command)
}

fn with_details_of(mut fresh: Command, command: &Command) -> Command {
    fresh.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => fresh.env(name, value),
            None => fresh.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        fresh.current_dir(folder);
    }
    fresh
}

#[cfg(test)]
mod tests {
    use super::{Daemon, Identity, parse_stat};
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn names_with_brackets_do_not_confuse_the_reader() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        assert_eq!(parse_stat(stat), Some(('S', 777)));
    }

    #[test]
    fn a_recycled_id_is_another_process() {
        let own = Identity::own();
        assert!(own.alive());
        assert!(!Identity { started: own.started + 1, ..own }.alive());
    }

    #[tokio::test]
    async fn killing_takes_the_children_along() {
        let folder = std::env::temp_dir().join(format!("vitrine-family-{}", std::process::id()));
        let daemon = Daemon::new(&folder, "parent");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]);
        daemon.spawn(&command, true).unwrap();
        let child = async || Ok(daemon.log_tail(1).parse().ok().and_then(Identity::of));
        let child = crate::eventually(Duration::from_secs(10), "the child", child).await.unwrap();
        daemon.kill9().await.unwrap();
        assert!(!child.alive());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn daemons_start_are_found_again_and_stop() {
        let folder = std::env::temp_dir().join(format!("vitrine-daemon-{}", std::process::id()));
        let daemon = Daemon::new(&folder, "sleeper");
        let mut command = Command::new("sh");
        command.args(["-c", "echo up; exec sleep 600"]);
        let identity = daemon.spawn(&command, true).unwrap();
        let said = async || Ok((daemon.log_tail(5) == "up").then_some(()));
        crate::eventually(Duration::from_secs(10), "its first words", said).await.unwrap();
        assert_eq!(Daemon::new(&folder, "sleeper").running().map(|found| found.pid), Some(identity.pid));
        daemon.stop(Duration::from_secs(5)).await.unwrap();
        assert!(!identity.alive() && daemon.running().is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
