//! A cable to the broker that can be cut.

use anyhow::Result;
use secrecy::SecretString;
use std::net::SocketAddr;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// Forwards connections to a server until they are cut.
pub(super) struct Proxy {
    address: SocketAddr,
    cut: tokio::sync::watch::Sender<CancellationToken>,
    _accepting: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Starts one before the server at `url`'s host and port.
    pub(super) async fn start(url: &str) -> Result<Self> {
        let target = url::Url::parse(url)?.socket_addrs(|| Some(5672))?[0];
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (cut, current) = tokio::sync::watch::channel(CancellationToken::new());
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let cut = current.borrow().clone();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(target).await?;
                    tokio::select! {
                        ended = copy_bidirectional(&mut client, &mut server) => ended.map(drop),
                        () = cut.cancelled() => Ok(()),
                    }
                });
            }
        });
        Ok(Self { address, cut, _accepting: AbortOnDropHandle::new(accepting) })
    }

    /// The server's URL by way of the proxy.
    pub(super) fn url(&self, url: &str) -> Result<SecretString> {
        let mut url = url::Url::parse(url)?;
        url.set_ip_host(self.address.ip()).expect("an AMQP URL has a host");
        url.set_port(Some(self.address.port())).expect("an AMQP URL has a port");
        Ok(String::from(url).into())
    }

    /// Drops all connections, on both sides; new ones get through.
    pub(super) fn cut(&self) {
        self.cut.send_replace(CancellationToken::new()).cancel();
    }
}
