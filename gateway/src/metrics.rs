//! The gateway's metrics, in addition to those of the chassis and the breakers.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::time::Duration;

const CALLS: &str = "gateway_upstream_duration_seconds";
const RETRIES: &str = "gateway_retries_total";
const SHED: &str = "gateway_shed_total";
const SHARED: &str = "gateway_shared_calls_total";
const LIMITED: &str = "gateway_limited_total";
const LOCAL_LIMITS: &str = "gateway_local_limits_total";
const QUERIES_REFUSED: &str = "gateway_queries_refused_total";
const STALE: &str = "gateway_stale_answers_total";
const LIVE: &str = "gateway_live";
const LIVE_REFUSED: &str = "gateway_live_refused_total";

pub fn describe() {
    describe_histogram!(CALLS, "Time that calls to upstreams take, retries included, by upstream and outcome");
    describe_counter!(RETRIES, "Second tries");
    describe_counter!(SHED, "Calls that found the bulkhead full");
    describe_counter!(SHARED, "Calls that joined an equal one under way");
    describe_counter!(LIMITED, "Requests over a rate limit");
    describe_counter!(LOCAL_LIMITS, "Rate limits judged without Redis");
    describe_counter!(QUERIES_REFUSED, "GraphQL documents refused before validation");
    describe_counter!(STALE, "Statistics answered from the last copy");
    describe_gauge!(LIVE, "Live operations and WebSockets that are open");
    describe_counter!(LIVE_REFUSED, "Live operations and WebSockets refused because one user had too many");
}

pub(crate) fn called(upstream: &str, outcome: &'static str, took: Duration) {
    histogram!(CALLS, "upstream" => upstream.to_owned(), "outcome" => outcome).record(took);
}

pub(crate) fn retried(upstream: &str) {
    counter!(RETRIES, "upstream" => upstream.to_owned()).increment(1);
}

pub(crate) fn shed(upstream: &str) {
    counter!(SHED, "upstream" => upstream.to_owned()).increment(1);
}

pub(crate) fn shared_call() {
    counter!(SHARED).increment(1);
}

pub(crate) fn limited(limit: &'static str) {
    counter!(LIMITED, "limit" => limit).increment(1);
}

pub(crate) fn limited_locally() {
    counter!(LOCAL_LIMITS).increment(1);
}

pub(crate) fn refused_query(limit: &'static str) {
    counter!(QUERIES_REFUSED, "limit" => limit).increment(1);
}

pub(crate) fn answered_stale(links: usize) {
    counter!(STALE).increment(links as u64);
}

pub(crate) fn live(kind: &'static str, change: f64) {
    gauge!(LIVE, "kind" => kind).increment(change);
}

pub(crate) fn refused_live(kind: &'static str) {
    counter!(LIVE_REFUSED, "kind" => kind).increment(1);
}
