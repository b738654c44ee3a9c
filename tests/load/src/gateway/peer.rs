//! The peer: a gateway on Apollo Server, as a process of its own.

use anyhow::Context as _;
use harness::{Issuer, issuer};
use kit::{Sandbox, eventually};
use serde_json::json;
use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

/// Killed when dropped.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    process: Child,
}

impl Peer {
    pub(super) async fn start(
        sandbox: &Sandbox,
        issuer: &Issuer,
        upstream: &str,
        per_second: u32,
    ) -> anyhow::Result<Self> {
        let folder = tokio::task::spawn_blocking(installed).await??;
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = free.local_addr()?;
        drop(free);
        let limits = sandbox.limits("gateway");
        let script = kit::paths::workspace().join("gateway/src/limits/buckets.lua");
        let settings = json!({
            "port": address.port(), "upstream": upstream, "log": sandbox.folder().join("apollo.log"),
            "tokens": {"jwks": issuer.jwks_url(), "issuer": issuer::ISSUER, "audience": issuer::AUDIENCE},
            "limits": {"url": limits.url, "prefix": format!("{}apollo:", limits.prefix), "script": script,
                "perSecond": per_second, "burst": per_second},
        });
        let errors = File::create(sandbox.folder().join("apollo.errors"))?;
        let mut node = Command::new("node");
        node.arg("server.mjs").current_dir(folder).env("NODE_ENV", "production").env("PEER", settings.to_string());
        let process = node.stderr(errors).spawn().context("starting node: install Node 20")?;
        let peer = Self { address, process };
        eventually(Duration::from_secs(20), "the peer to listen", async || {
            Ok(tokio::net::TcpStream::connect(address).await.ok())
        })
        .await?;
        Ok(peer)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder of the peer, with its packages.
fn installed() -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/apollo");
    kit::npm::install(&folder)?;
    Ok(folder)
}
