//! What no client library sends: bytes that are no HTTP, no UTF-8, no percent-encoding, or too much of it. Sent to the
//! gateway and to each service itself.

use anyhow::Result;
use futures::{StreamExt as _, stream};

use super::world::World;
use super::{AT_ONCE, sender};

const UNITS: [&str; 7] = ["gateway", "auth", "shortener", "analytics", "orders", "inventory", "payments"];

pub(super) async fn every_door(world: &World) -> Result<Vec<String>> {
    let mut shots = Vec::new();
    for unit in UNITS {
        let base = world.platform.stack.url(unit);
        shots.extend(requests(world).into_iter().map(|(what, bytes)| (unit, base.clone(), what, bytes)));
    }
    let outcomes = stream::iter(shots).map(|(unit, base, what, bytes)| async move {
        sender::send_raw(&base, &bytes).await.err().map(|error| format!("{unit}: {what}: {error:#}"))
    });
    let mut wrong: Vec<_> = outcomes.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
    let untouched = sender::breakers_are_untouched(&world.platform, &world.operator).await;
    wrong.extend(untouched.err().map(|error| format!("{error:#}")));
    Ok(wrong)
}

fn requests(world: &World) -> Vec<(String, Vec<u8>)> {
    let link = &world.link;
    let paths = [
        "/r/".to_owned(),
        "/".to_owned(),
        "/api/shortener/v1/links/".to_owned(),
        "/api/orders/v1/orders?after=".to_owned(),
        "/v1/links?search=".to_owned(),
        "/v1/orders/".to_owned(),
        "/graphql?query=".to_owned(),
        format!("/r/{link}?"),
        format!("/{link}?a="),
    ];
    let ends: [Vec<u8>; 11] = [
        b"%".to_vec(),
        b"%zz".to_vec(),
        b"%ff%fe".to_vec(),
        b"%00".to_vec(),
        b"%c0%af".to_vec(),
        b"\xff\xfe".to_vec(),
        b"a b".to_vec(),
        b"\x01".to_vec(),
        vec![b'x'; 9_000],
        vec![b'x'; 65_500],
        vec![b'x'; 200_000],
    ];
    let line = |target: &[u8], headers: &[u8]| {
        [b"GET ", target, b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n", headers, b"\r\n"].concat()
    };
    let mut requests = Vec::new();
    for path in &paths {
        for end in &ends {
            let what = format!("{path}{} ({} bytes)", String::from_utf8_lossy(&end[..end.len().min(20)]), end.len());
            requests.push((what, line(&[path.as_bytes(), end].concat(), b"")));
        }
    }
    let many = |number: usize| (0..number).map(|n| format!("x-{n}: 1\r\n")).collect::<String>().into_bytes();
    let long = |length: usize| [b"x-long: ".to_vec(), vec![b'x'; length], b"\r\n".to_vec()].concat();
    let headers: [(&str, Vec<u8>); 13] = [
        ("99 headers", many(97)),
        ("1,000 headers", many(1_000)),
        ("a header of 40 KB", long(40_000)),
        ("a header of 1 MB", long(1_000_000)),
        ("a header that is no UTF-8", b"user-agent: \xff\xfe\r\n".to_vec()),
        ("a token that is no UTF-8", b"authorization: Bearer \xff\r\n".to_vec()),
        ("a header without a colon", b"nonsense\r\n".to_vec()),
        ("a folded header", b"x: a\r\n b\r\n".to_vec()),
        ("two lengths", b"content-length: 1\r\ncontent-length: 2\r\n".to_vec()),
        ("a length beyond counting", b"content-length: 99999999999999999999\r\n".to_vec()),
        ("an endless chunk", b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n".to_vec()),
        ("a chunk of nonsense", b"transfer-encoding: chunked\r\n\r\nzz\r\n".to_vec()),
        ("another protocol", b"upgrade: h2c\r\nhttp2-settings: AAAA\r\nconnection: upgrade\r\n".to_vec()),
    ];
    for (what, headers) in headers {
        for target in
            [format!("/r/{link}"), format!("/{link}"), "/v1/links".to_owned(), "/api/orders/v1/orders".to_owned()]
        {
            requests.push((format!("{what} to {target}"), line(target.as_bytes(), &headers)));
        }
    }
    requests.push(("no HTTP".to_owned(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()));
    requests.push(("another version".to_owned(), b"GET / HTTP/9.9\r\n\r\n".to_vec()));
    requests.push(("another method".to_owned(), b"BREW / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec()));
    requests
}
