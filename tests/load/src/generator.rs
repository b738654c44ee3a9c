//! A load generator of keep-alive connections, each asking again as soon as it is answered.
//!
//! It does as little as possible, so that on a small machine the servers get the processors: requests
//! are prepared bytes, and of an answer only the status and the end are looked at.

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// What a round of load found.
pub(crate) struct Round {
    /// Redirects answered.
    pub(crate) answered: u64,
    /// Redirects a second.
    pub(crate) rate: f64,
    /// Latencies in microseconds.
    pub(crate) latencies: Histogram<u64>,
}

/// Asks `address` for `paths` in turn over `connections` for as long as `time`; every answer must be 302.
pub(crate) async fn round(
    address: SocketAddr,
    paths: &Arc<[String]>,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Round> {
    let requests: Arc<[Vec<u8>]> = paths.iter().map(|path| request(address, path)).collect();
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for start in 0..connections {
        let requests = Arc::clone(&requests);
        tasks.spawn(async move { connection(address, &requests, start, began + time).await });
    }
    let mut latencies = Histogram::new_with_max(60_000_000, 3)?;
    while let Some(outcome) = tasks.join_next().await {
        latencies.add(outcome??)?;
    }
    let answered = latencies.len();
    Ok(Round { answered, rate: answered as f64 / began.elapsed().as_secs_f64(), latencies })
}

fn request(address: SocketAddr, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
         referer: https://www.instagram.com/somebody\r\naccept-language: pt-BR,pt;q=0.9\r\n\r\n"
    )
    .into_bytes()
}

async fn connection(
    address: SocketAddr,
    requests: &[Vec<u8>],
    start: usize,
    until: Instant,
) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = Histogram::new_with_max(60_000_000, 3)?;
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 4096];
    for request in requests.iter().cycle().skip(start % requests.len()) {
        let asked = Instant::now();
        if asked >= until {
            break;
        }
        stream.write_all(request).await?;
        read_answer(&mut stream, &mut buffer).await?;
        latencies.record(u64::try_from(asked.elapsed().as_micros())?.max(1))?;
    }
    Ok(latencies)
}

/// Reads the head of an answer that has no body.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut read = 0;
    loop {
        let more = stream.read(&mut buffer[read..]).await.context("the server hung up")?;
        ensure!(more > 0, "the server closed the connection");
        read += more;
        if buffer[..read].ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = &buffer[..read];
    ensure!(head.starts_with(b"HTTP/1.1 302"), "not a redirect: {}", String::from_utf8_lossy(head));
    Ok(())
}
