//! Many clients that ask one query, each again as soon as it is answered.

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// The longest head of an answer, in bytes.
const HEAD: usize = 8 * 1024;

/// A prepared request of a query.
pub(super) fn request(address: SocketAddr, token: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\naccept: application/json\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Asks for as long as `time`, each request over a connection of its own, and tells the latencies in microseconds. Every
/// answer must be 200 and as long as the first.
pub(super) async fn round(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    time: Duration,
) -> anyhow::Result<Histogram<u64>> {
    let until = Instant::now() + time;
    let mut clients = JoinSet::new();
    for request in requests {
        clients.spawn(async move { client(address, &request, until).await });
    }
    let mut latencies = Histogram::new_with_max(60_000_000, 3)?;
    while let Some(outcome) = clients.join_next().await {
        latencies.add(outcome??)?;
    }
    Ok(latencies)
}

/// Asks once, and returns the body of the answer.
pub(super) async fn once(address: SocketAddr, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut connection = Connection::to(address).await?;
    let body = connection.ask(request).await?;
    Ok(connection.buffer[body].to_vec())
}

async fn client(address: SocketAddr, request: &[u8], until: Instant) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = Histogram::new_with_max(60_000_000, 3)?;
    let mut connection = Connection::to(address).await?;
    let mut expected = None;
    loop {
        let asked = Instant::now();
        if asked >= until {
            return Ok(latencies);
        }
        let length = connection.ask(request).await?.len();
        ensure!(*expected.get_or_insert(length) == length, "an answer is {length} bytes long");
        latencies.record(u64::try_from(asked.elapsed().as_micros())?.max(1))?;
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn to(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; HEAD] })
    }

    /// Asks, and returns where in the buffer the body of the answer is.
    async fn ask(&mut self, request: &[u8]) -> anyhow::Result<std::ops::Range<usize>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let body = loop {
            filled += self.read(filled).await?;
            if let Some(body) = body(&self.buffer[..filled])? {
                break body;
            }
        };
        if self.buffer.len() < body.end {
            self.buffer.resize(body.end, 0);
        }
        while filled < body.end {
            filled += self.read(filled).await?;
        }
        Ok(body)
    }

    async fn read(&mut self, filled: usize) -> anyhow::Result<usize> {
        let read = self.stream.read(&mut self.buffer[filled..]).await.context("the server hung up")?;
        ensure!(read > 0, "the server closed the connection, or its head is longer than {HEAD} bytes");
        Ok(read)
    }
}

/// Where the body of an answer is that has begun; nothing before its head is whole.
fn body(answer: &[u8]) -> anyhow::Result<Option<std::ops::Range<usize>>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..end])?;
    ensure!(head.starts_with("HTTP/1.1 200"), "not a success: {}", String::from_utf8_lossy(answer));
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.with_context(|| format!("no content-length: {head}"))?;
    Ok(Some(end + 4..end + 4 + length))
}
