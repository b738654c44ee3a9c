//! RabbitMQ: Debian's server script, run under a node name, ports and folders of its own.

use super::{Addresses, Engine, Site};
use crate::process::Daemon;
use crate::secrets::write_private;
use crate::{Trouble, eventually, files, http, ports};
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long the server may take to write down where the logs of its queues are.
const SETTLING: Duration = Duration::from_secs(60);

const PLUGINS: &str = "[rabbitmq_management,rabbitmq_prometheus,rabbitmq_stream,rabbitmq_consistent_hash_exchange].\n";

/// The server script of Debian's package, whatever its version.
pub(super) fn script() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/rabbitmq/lib").ok()?.flatten();
    versions.map(|entry| entry.path().join("sbin/rabbitmq-server")).find(|script| script.is_file())
}

/// The ports that the server listens on, the port mapper's left out: it may be running already.
pub(super) fn ports(site: &Site) -> Vec<u16> {
    let all = site.ports();
    vec![all.amqp, all.management, all.prometheus, all.stream, all.distribution]
}

/// Erlang's port mapper, started by us so that it, too, can be stopped.
pub(super) fn port_mapper(site: &Site) -> Daemon {
    site.process("epmd")
}

pub(super) async fn command(site: &Site) -> Result<Command> {
    let script = script().context("RabbitMQ is not installed")?;
    let folder = site.data(Engine::Rabbitmq);
    if site.forgets(Engine::Rabbitmq) && folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    configure(site, &folder)?;
    start_port_mapper(site).await?;
    let mut command = with_only(&environment(site, &folder));
    command.arg(script).current_dir(&folder);
    Ok(command)
}

/// Runs what follows with these variables and no others: Erlang and its scripts read many.
fn with_only(environment: &[(&'static str, String)]) -> Command {
    let mut command = Command::new("env");
    command.arg("-i").args(environment.iter().map(|(name, value)| format!("{name}={value}")));
    command
}

/// Sets the memory from which on the server takes no messages, for example `1GB`.
pub(super) async fn limit_memory(site: &Site, limit: &str) -> Result<()> {
    let script = script().context("RabbitMQ is not installed")?.with_file_name("rabbitmqctl");
    let mut command = with_only(&environment(site, &site.data(Engine::Rabbitmq)));
    command.arg(script).args(["set_vm_memory_high_watermark", "absolute", limit]);
    let output = tokio::process::Command::from(command).output().await.context("running rabbitmqctl")?;
    ensure!(output.status.success(), "rabbitmqctl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Whether it has an alarm for want of memory or disk.
pub(super) async fn has_alarm(addresses: &Addresses) -> Result<bool> {
    let url = format!("{}/api/health/checks/local-alarms", addresses.management_url());
    let status = http::client().get(&url).send().await?.status();
    ensure!(status.is_success() || status == 503, "its management API answers {status}");
    Ok(!status.is_success())
}

fn configure(site: &Site, folder: &Path) -> Result<()> {
    let ports = site.ports();
    let settings = [
        format!("listeners.tcp.1 = 127.0.0.1:{}", ports.amqp),
        "management.tcp.ip = 127.0.0.1".to_owned(),
        format!("management.tcp.port = {}", ports.management),
        // Counts no message per channel, queue and exchange, which costs with every message: the management pages
        // show how long queues are, and no rates.
        "management.rates_mode = none".to_owned(),
        "prometheus.tcp.ip = 127.0.0.1".to_owned(),
        format!("prometheus.tcp.port = {}", ports.prometheus),
        format!("stream.listeners.tcp.1 = 127.0.0.1:{}", ports.stream),
        "default_user = admin".to_owned(),
        format!("default_pass = {}", site.password(Engine::Rabbitmq)),
        "vm_memory_high_watermark.absolute = 1GB".to_owned(),
        "disk_free_limit.absolute = 200MB".to_owned(),
        "log.console = true".to_owned(),
        "log.console.level = warning".to_owned(),
        "log.file = false".to_owned(),
        String::new(),
    ];
    let home = folder.join("home");
    files::folder(&home).with_context(|| format!("creating {}", home.display()))?;
    write_private(&folder.join("rabbitmq.conf"), settings.join("\n").as_bytes())?;
    write_private(&folder.join("enabled_plugins"), PLUGINS.as_bytes())?;
    let cookie = home.join(".erlang.cookie");
    if !cookie.is_file() {
        write_private(&cookie, site.cookie().as_bytes())?;
    }
    Ok(())
}

/// The name under which a server with these ports knows itself.
fn node(site: &Site) -> String {
    format!("vitrine{}@localhost", site.ports().amqp)
}

fn environment(site: &Site, folder: &Path) -> Vec<(&'static str, String)> {
    let ports = site.ports();
    let path = |name: &str| folder.join(name).display().to_string();
    let mut environment = port_mapper_environment(site);
    environment.extend([
        ("HOME", path("home")),
        ("LANG", "C.UTF-8".to_owned()),
        // Makes the script become the server, so that its process id is the server's.
        ("RABBITMQ_ALLOW_INPUT", "1".to_owned()),
        ("RABBITMQ_SERVER_START_ARGS", "-noinput".to_owned()),
        ("RABBITMQ_NODENAME", node(site)),
        ("RABBITMQ_DIST_PORT", ports.distribution.to_string()),
        ("RABBITMQ_MNESIA_BASE", path("data")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config")),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_FEATURE_FLAGS_FILE", path("feature_flags")),
        // Two schedulers that sleep when idle: it shares the machine with everything else.
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "+S 2:2 +SDcpu 1:1 +SDio 2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
        ),
    ]);
    environment
}

fn port_mapper_environment(site: &Site) -> Vec<(&'static str, String)> {
    vec![
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("ERL_EPMD_PORT", site.ports().epmd.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
    ]
}

async fn start_port_mapper(site: &Site) -> Result<()> {
    let (daemon, port) = (port_mapper(site), site.ports().epmd);
    if daemon.running().is_some() {
        return Ok(());
    }
    if !ports::is_free(port) {
        let holder = ports::holder(port).unwrap_or_else(|| "another process".to_owned());
        let what = format!("RabbitMQ's port mapper needs port {port}, which {holder} holds.");
        return Err(Trouble::new(what, "stop that process, or choose other ports: VITRINE_UP_PORTS=27000").into());
    }
    let mut command = with_only(&port_mapper_environment(site));
    command.args(["epmd", "-port", &port.to_string()]);
    daemon.spawn(&command, site.detached())?;
    let what = "the port mapper of RabbitMQ";
    eventually(Duration::from_secs(10), what, || async { Ok((!ports::is_free(port)).then_some(())) }).await
}

pub(super) async fn ready(site: &Site) -> Result<()> {
    let addresses = Addresses::of(site);
    let url = format!("{}/api/health/checks/port-listener/{}", addresses.management_url(), addresses.rabbitmq.port);
    let answer = http::client().get(&url).send().await?;
    ensure!(answer.status().is_success(), "its management API answers {}", answer.status());
    Ok(())
}

/// A queue, as the management API tells it.
#[derive(Deserialize)]
struct Queue {
    name: String,
    vhost: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Queue {
    /// The name under which its log is found again after a start, if it is kept in one.
    fn written_as(&self) -> Option<String> {
        match self.kind.as_str() {
            "quorum" => Some(format!("{}_{}", self.vhost, self.name)),
            "stream" => Some("rabbit_stream_coordinator".to_owned()),
            _ => None,
        }
    }
}

/// Waits until the server has written down where the logs of its queues are.
///
/// RabbitMQ 3.10 does so a few seconds after it has made a queue, and confirms what is published to it meanwhile. Killed
/// before that, it does not find the queue again, and refuses to make it anew.
pub(super) async fn written_down(site: &Site) -> Result<()> {
    let url = format!("{}/api/queues?columns=name,vhost,type", Addresses::of(site).management_url());
    eventually(SETTLING, "RabbitMQ to write down its queues", async || {
        let queues: Vec<Queue> = http::client().get(&url).send().await?.error_for_status()?.json().await?;
        let written = [names(site, "quorum")?, names(site, "coordination")?].concat();
        let is_written = |name: &String| written.windows(name.len()).any(|window| window == name.as_bytes());
        let missing = queues.iter().filter_map(Queue::written_as).find(|name| !is_written(name));
        ensure!(missing.is_none(), "{} is not", missing.unwrap_or_default());
        Ok(Some(()))
    })
    .await
}

/// What a Raft system of the server has written about its logs; nothing while it has none.
fn names(site: &Site, system: &str) -> Result<Vec<u8>> {
    let node = node(site);
    let file = site.data(Engine::Rabbitmq).join("data").join(&node).join(system).join(&node).join("names.dets");
    match fs::read(&file) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}
