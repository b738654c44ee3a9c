//! What an `Idempotency-Key` means, the same in every service (ADR 29): one list, which each of them is held to.

use crate::Answer;
use axum::http::{HeaderMap, HeaderValue};
use contracts::problem::Code;

const HEADER: &str = "idempotency-key";

/// One key as the header.
pub fn key(key: &str) -> HeaderMap {
    keys(&[key.as_bytes()])
}

fn keys(keys: &[&[u8]]) -> HeaderMap {
    keys.iter().map(|key| (HEADER.parse().expect("a name"), HeaderValue::from_bytes(key).expect("a value"))).collect()
}

/// Tries one operation. `send` sends its request with these headers, or another body of the same operation when told so;
/// `effects` counts what it has done.
pub async fn keys_are_kept(send: impl AsyncFn(HeaderMap, bool) -> Answer, effects: impl AsyncFn() -> i64) {
    let before = effects().await;
    let long = [b'x'; 256];
    for bad in [&[&b""[..]][..], &[b"\xff"], &[b"a b"], &[&long], &[b"a", b"a"], &[b"a", b"b"]] {
        assert_eq!(send(keys(bad), false).await.refused(), ["Idempotency-Key"], "{bad:?}");
    }
    assert_eq!(effects().await, before, "a refused request does nothing");

    let first = send(key("again"), false).await;
    assert!(first.status.is_success(), "{}", first.text());
    let again = send(key("again"), false).await;
    assert_eq!((again.status, again.text()), (first.status, first.text()));
    send(key("again"), true).await.problem(Code::IdempotencyMismatch);
    assert_eq!(effects().await, before + 1, "the same request is done once");

    let answers = futures::future::join_all((0..8).map(|_| send(key("at-once"), false))).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status.is_success());
    for answer in refused {
        answer.problem(Code::IdempotencyInProgress);
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert!(!done.is_empty() && done.iter().all(|answer| answer.text() == done[0].text()));
    assert_eq!(effects().await, before + 2, "of many at once one is done");
}

/// Tries that a key is new again when its time is over: `forget` lets 72 hours pass.
pub async fn keys_are_forgotten(
    send: impl AsyncFn(HeaderMap, bool) -> Answer,
    effects: impl AsyncFn() -> i64,
    forget: impl AsyncFnOnce(),
) {
    let before = effects().await;
    assert!(send(key("old"), false).await.status.is_success());
    forget().await;
    let again = send(key("old"), true).await;
    assert!(again.status.is_success(), "{}", again.text());
    assert_eq!(effects().await, before + 2);
}
