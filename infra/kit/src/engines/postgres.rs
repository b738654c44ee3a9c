//! Postgres. It refuses to run as root, so root runs it as the system user `postgres`.

use super::{Addresses, Engine, Site};
use crate::process::Identity;
use crate::{Trouble, eventually, files, paths, secrets};
use anyhow::{Context as _, Result};
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long the processes of a server that was killed may take to end.
const DYING: Duration = Duration::from_secs(5);

/// The programs of the newest installed version.
pub(super) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max()?;
    let programs = Path::new("/usr/lib/postgresql").join(newest.to_string()).join("bin");
    programs.join("postgres").is_file().then_some(programs)
}

/// A program of the newest installed version, for example `pgbench`.
pub fn program(name: &str) -> Option<PathBuf> {
    programs().map(|folder| folder.join(name)).filter(|program| program.is_file())
}

pub(super) async fn command(site: &Site) -> Result<Command> {
    let programs = programs().context("Postgres is not installed")?;
    let folder = site.data(Engine::Postgres);
    let data = folder.join("data");
    if !data.join("PG_VERSION").is_file() {
        initialise(site, &programs, &folder).await?;
    }
    unlock(&data).await?;
    let mut command = as_unprivileged(&programs.join("postgres"), &folder)?;
    command.arg("-D").arg(&data);
    for setting in settings(site) {
        command.arg("-c").arg(setting);
    }
    command.current_dir("/");
    Ok(command)
}

/// Takes away the lock of a server that was killed. Until somebody asks for its exit status its process is there, to
/// signals, and Postgres takes it for one that runs; in a container whose first process asks for none, for ever. As long
/// as one of its other processes works in the folder, the lock stays: they end when they see that it is gone.
async fn unlock(data: &Path) -> Result<()> {
    let lock = data.join("postmaster.pid");
    let holder = fs::read_to_string(&lock).ok().and_then(|text| text.lines().next()?.trim().parse().ok());
    let Some(holder) = holder else { return Ok(()) };
    if Identity::of(holder).is_some() || !Path::new("/proc").join(holder.to_string()).exists() {
        // It runs, or is gone altogether: Postgres can tell.
        return Ok(());
    }
    let left = eventually(DYING, "the end of its processes", async || Ok((!is_worked_in(data)).then_some(())));
    if left.await.is_ok() {
        fs::remove_file(&lock).with_context(|| format!("removing {}", lock.display()))?;
    }
    Ok(())
}

fn is_worked_in(folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return true };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok()).any(|at| at == folder)
}

fn settings(site: &Site) -> Vec<String> {
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={}", site.ports().postgres),
        "unix_socket_directories=".to_owned(),
        "max_connections=300".to_owned(),
        "shared_buffers=64MB".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        // The detail of a violated constraint quotes the row: no personal datum stands in a log.
        "log_error_verbosity=terse".to_owned(),
    ];
    if !site.durable() {
        // Written pages survive a killed process in the kernel's cache; only a power cut could lose them. Commits go
        // on waiting for that write (synchronous_commit): else the last of them would still be in shared memory.
        settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
    }
    settings
}

/// Creates the data folder beside its final name, so that a broken attempt is never taken for one.
async fn initialise(site: &Site, programs: &Path, folder: &Path) -> Result<()> {
    let fresh = folder.join("fresh");
    files::folder(folder)?;
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    let password = folder.join("password");
    secrets::write_private(&password, site.password(Engine::Postgres).as_bytes())?;
    if let Some(account) = account()? {
        for path in [folder, &password] {
            std::os::unix::fs::chown(path, Some(account.0), Some(account.1))?;
        }
    }
    let mut command = as_unprivileged(&programs.join("initdb"), folder)?;
    command.arg("-D").arg(&fresh).arg(format!("--pwfile={}", password.display()));
    command.args(["-U", "postgres", "--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
    command.current_dir("/");
    let output = tokio::process::Command::from(command).output().await.context("running initdb")?;
    let _ = fs::remove_file(&password);
    if !output.status.success() {
        let what = format!("Postgres could not create its data folder {}.", fresh.display());
        let mend = "make sure that the system user `postgres` can reach that folder, or set VITRINE_DEV_DIR to one";
        return Err(Trouble::new(what, mend).with_log(String::from_utf8_lossy(&output.stderr)).into());
    }
    fs::rename(&fresh, folder.join("data")).context("moving the new data folder into place")
}

/// Wraps a program so that root runs it as `postgres`; others run it as they are.
fn as_unprivileged(program: &Path, folder: &Path) -> Result<Command> {
    let Some((_, group)) = account()? else { return Ok(Command::new(program)) };
    let_pass(folder, group)?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    if !reachable(folder, group) {
        // A clone below /root or a temporary folder lies behind 0700: let this one process pass, read-only.
        command.args(["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]);
    }
    command.arg(program);
    Ok(command)
}

/// Lets a group pass through the folders of ours that lie above one. It can't list them.
fn let_pass(folder: &Path, group: u32) -> Result<()> {
    let dev = paths::dev();
    for parent in folder.ancestors().skip(1).take_while(|parent| parent.starts_with(&dev)) {
        if !may_pass(parent, group) {
            std::os::unix::fs::chown(parent, None, Some(group))?;
            fs::set_permissions(parent, fs::Permissions::from_mode(0o710))?;
        }
    }
    Ok(())
}

/// Whether a group can pass through every folder above one.
fn reachable(folder: &Path, group: u32) -> bool {
    folder.ancestors().skip(1).all(|parent| may_pass(parent, group))
}

fn may_pass(folder: &Path, group: u32) -> bool {
    fs::metadata(folder).is_ok_and(|it| {
        let needed = if it.gid() == group { 0o010 } else { 0o001 };
        it.permissions().mode() & needed != 0
    })
}

/// User and group of the account `postgres` when this process is root and must step down.
fn account() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let table = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    let row = table.lines().find(|row| row.starts_with("postgres:")).context("there is no user `postgres`")?;
    let fields: Vec<&str> = row.split(':').collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse().ok());
    Ok(Some((number(2).context("its user id")?, number(3).context("its group id")?)))
}

/// Connects as administrator and closes the two databases that everyone may enter by default.
pub(super) async fn ready(site: &Site) -> Result<()> {
    let url = format!("{}/postgres", Addresses::of(site).postgres.url("postgres"));
    let mut connection = PgConnection::connect(&url).await?;
    connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC").await?;
    connection.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Identity, eventually, reachable, unlock};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::time::Duration;

    #[tokio::test]
    async fn a_server_that_was_killed_holds_no_lock_and_one_that_runs_does() {
        let data = std::env::temp_dir().join(format!("vitrine-lock-{}", std::process::id()));
        std::fs::create_dir_all(&data).unwrap();
        let lock = data.join("postmaster.pid");
        // Nobody asks for its exit status before the end of the test.
        let mut killed = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        std::fs::write(&lock, format!("{}\n{}\n", killed.id(), data.display())).unwrap();
        unlock(&data).await.unwrap();
        assert!(lock.exists());
        killed.kill().unwrap();
        let limit = Duration::from_secs(10);
        eventually(limit, "its end", async || Ok(Identity::of(killed.id()).is_none().then_some(()))).await.unwrap();
        unlock(&data).await.unwrap();
        assert!(!lock.exists());
        killed.wait().unwrap();
        std::fs::remove_dir_all(&data).unwrap();
    }

    #[test]
    fn a_closed_parent_is_noticed() {
        let parent = std::env::temp_dir().join(format!("vitrine-closed-{}", std::process::id()));
        std::fs::create_dir_all(parent.join("child")).unwrap();
        let own = std::fs::metadata(&parent).unwrap().gid();
        let reachable_in = |mode: u32, group: u32| {
            std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(mode)).unwrap();
            reachable(&parent.join("child"), group)
        };
        assert!(!reachable_in(0o700, own) && !reachable_in(0o710, own + 1));
        assert!(reachable_in(0o710, own) && reachable_in(0o755, own + 1));
        std::fs::remove_dir_all(&parent).unwrap();
    }
}
