//! A cable to an engine that can be cut.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a server until they are cut.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    cable: watch::Sender<Cable>,
    accepting: tokio::task::JoinHandle<()>,
}

/// How the cable is. With each change the connections that are open are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cable {
    Whole,
    Cut,
}

impl Proxy {
    /// Starts one before the server at `url`'s host and port.
    ///
    /// # Errors
    /// When the URL names no server, or no port is free.
    pub async fn start(url: &str) -> Result<Self> {
        let target = url::Url::parse(url)?.socket_addrs(|| Some(5672))?[0];
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (cable, current) = watch::channel(Cable::Whole);
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut cable = current.clone();
                if *cable.borrow_and_update() == Cable::Cut {
                    continue;
                }
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(target).await?;
                    tokio::select! {
                        ended = copy_bidirectional(&mut client, &mut server) => ended.map(drop),
                        _ = cable.changed() => Ok(()),
                    }
                });
            }
        });
        Ok(Self { address, cable, accepting })
    }

    /// The server's URL by way of the proxy.
    ///
    /// # Errors
    /// When the URL cannot name another host.
    pub fn url(&self, url: &str) -> Result<String> {
        let mut url = url::Url::parse(url)?;
        url.set_ip_host(self.address.ip()).ok().context("the URL has no host")?;
        url.set_port(Some(self.address.port())).ok().context("the URL has no port")?;
        Ok(url.into())
    }

    /// Drops all connections, on both sides; new ones get through.
    pub fn cut(&self) {
        self.cable.send_replace(Cable::Whole);
    }

    /// Drops all connections, and new ones as soon as they come.
    pub fn cut_off(&self) {
        self.cable.send_replace(Cable::Cut);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.cable.send_replace(Cable::Whole);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        // Connections end with it.
        self.cable.send_replace(Cable::Cut);
    }
}
