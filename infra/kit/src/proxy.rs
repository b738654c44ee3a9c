//! A cable to a server that can be slow, cut or pulled out.

use crate::ports::Reserved;
use anyhow::{Context as _, Result};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// How many bytes are read at once, and how many such chunks may be under way: more wait at the sender.
const CHUNK: usize = 16 * 1024;
const UNDER_WAY: usize = 64;
/// How many bytes a narrow cable passes at once.
const PIECE: usize = 256;

/// Forwards connections to a server, as the cable allows.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    cable: watch::Sender<Cable>,
    pace: watch::Sender<Pace>,
    accepting: JoinHandle<io::Result<()>>,
    // Keeps the port while nobody listens on it.
    _port: Reserved,
}

/// How the cable is. With each change the connections that are open are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cable {
    Whole,
    Cut,
    Out,
}

/// How slow a cable is, for what is sent from now on. Open connections stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// How long every byte is under way, in each direction.
    pub delay: Duration,
    /// How many bytes each connection passes in a second, in each direction; `None` is without a limit.
    pub bytes_per_second: Option<u32>,
}

impl Proxy {
    /// Starts one before the server at `url`'s host and port.
    pub async fn start(url: &str) -> Result<Self> {
        let target = url::Url::parse(url)?.socket_addrs(|| Some(5672))?[0];
        let port = Reserved::take()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.port()));
        let (cable, current) = watch::channel(Cable::Whole);
        let (pace, slow) = watch::channel(Pace::default());
        let listener = TcpListener::bind(address).await?;
        let accepting = tokio::spawn(run(listener, target, current, slow));
        Ok(Self { address, cable, pace, accepting, _port: port })
    }

    /// The server's URL by way of the proxy.
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

    /// Drops all connections, and refuses new ones, as a machine does on which nobody listens.
    pub fn pull_out(&self) {
        self.cable.send_replace(Cable::Out);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.cable.send_replace(Cable::Whole);
    }

    /// Makes the cable so slow; [`Pace::default`] makes it quick again.
    pub fn slow_down(&self, pace: Pace) {
        self.pace.send_replace(pace);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        // Connections end with it.
        self.cable.send_replace(Cable::Cut);
    }
}

/// Listens as long as the cable is plugged in.
async fn run(
    listener: TcpListener,
    target: SocketAddr,
    mut cable: watch::Receiver<Cable>,
    pace: watch::Receiver<Pace>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(listener);
    loop {
        let open = match listener.take() {
            Some(listener) => listener,
            None => TcpListener::bind(address).await?,
        };
        tokio::select! {
            ended = accept(&open, target, &cable, &pace) => ended?,
            _ = pulled_out(cable.clone()) => drop(open),
        }
        if cable.wait_for(|cable| *cable != Cable::Out).await.is_err() {
            return Ok(());
        }
    }
}

async fn pulled_out(mut cable: watch::Receiver<Cable>) {
    if cable.wait_for(|cable| *cable == Cable::Out).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn accept(
    listener: &TcpListener,
    target: SocketAddr,
    cable: &watch::Receiver<Cable>,
    pace: &watch::Receiver<Pace>,
) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        let (mut cable, pace) = (cable.clone(), pace.clone());
        if *cable.borrow_and_update() != Cable::Whole {
            continue;
        }
        tokio::spawn(async move {
            let server = TcpStream::connect(target).await?;
            tokio::select! {
                ended = forward(client, server, pace) => ended,
                _ = cable.changed() => Ok(()),
            }
        });
    }
}

async fn forward(client: TcpStream, server: TcpStream, pace: watch::Receiver<Pace>) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(carry(from_client, to_server, pace.clone()), carry(from_server, to_client, pace))?;
    Ok(())
}

/// Carries bytes one way, as late and as slowly as the pace says.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    pace: watch::Receiver<Pace>,
) -> io::Result<()> {
    let (sender, mut chunks) = mpsc::channel(UNDER_WAY);
    let delays = pace.clone();
    let read = async move {
        loop {
            let mut chunk = vec![0; CHUNK];
            let length = from.read(&mut chunk).await?;
            chunk.truncate(length);
            let due = Instant::now() + delays.borrow().delay;
            if length == 0 || sender.send((due, chunk)).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = chunks.recv().await {
            if due > Instant::now() {
                sleep_until(due).await;
            }
            trickle(&mut to, &chunk, &pace).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write)?;
    Ok(())
}

/// Writes a chunk, in pieces as long as the cable is narrow.
async fn trickle(to: &mut (impl AsyncWrite + Unpin), chunk: &[u8], pace: &watch::Receiver<Pace>) -> io::Result<()> {
    let mut rest = chunk;
    while !rest.is_empty() {
        let narrow = pace.borrow().bytes_per_second;
        let (piece, after) = rest.split_at(if narrow.is_some() { rest.len().min(PIECE) } else { rest.len() });
        to.write_all(piece).await?;
        if let Some(bytes_per_second) = narrow {
            sleep(Duration::from_secs_f64(piece.len() as f64 / f64::from(bytes_per_second))).await;
        }
        rest = after;
    }
    Ok(())
}
