use std::time::{Duration, Instant};

use kit::{Pace, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const DELAY: Duration = Duration::from_millis(80);

/// A server that sends back what it gets, behind a proxy; and the proxy's address.
async fn echo() -> (Proxy, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
    });
    let proxy = Proxy::start(&url).await.unwrap();
    let address = proxy.url(&url).unwrap().trim_start_matches("tcp://").to_owned();
    (proxy, address)
}

/// How long some bytes take there and back.
async fn round_trip(stream: &mut TcpStream, bytes: usize) -> Duration {
    let began = Instant::now();
    stream.write_all(&vec![7; bytes]).await.unwrap();
    let mut back = vec![0; bytes];
    stream.read_exact(&mut back).await.unwrap();
    assert!(back.iter().all(|byte| *byte == 7));
    began.elapsed()
}

#[tokio::test]
async fn a_slow_cable_delays_open_connections_until_it_is_quick_again() {
    let (proxy, address) = echo().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    round_trip(&mut stream, 100_000).await;
    proxy.slow_down(Pace { delay: DELAY, bytes_per_second: None });
    let late = round_trip(&mut stream, 10).await;
    assert!(late >= DELAY * 2, "{late:?}");
    proxy.slow_down(Pace { delay: Duration::ZERO, bytes_per_second: Some(10_000) });
    let narrow = round_trip(&mut stream, 2_000).await;
    assert!(narrow >= Duration::from_millis(150), "{narrow:?}");
    proxy.slow_down(Pace::default());
    round_trip(&mut stream, 100_000).await;
}

#[tokio::test]
async fn a_cable_that_is_pulled_out_refuses_until_it_is_mended() {
    let (proxy, address) = echo().await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    round_trip(&mut stream, 10).await;
    proxy.pull_out();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0, "the open connection ends");
    let refused = async || Ok(TcpStream::connect(&address).await.is_err().then_some(()));
    kit::eventually(Duration::from_secs(5), "a refusal", refused).await.unwrap();
    proxy.mend();
    let taken = async || Ok(Some(TcpStream::connect(&address).await?));
    let mut stream = kit::eventually(Duration::from_secs(5), "a connection", taken).await.unwrap();
    round_trip(&mut stream, 10).await;
}
