//! The program itself: configured by its environment, ready, measured, and silent about people.

use crate::app::PASSWORD;
use contracts::rest::auth::{Session, User};
use kit::{Sandbox, Stack};
use serde_json::json;

/// A figure of a process's memory, in KiB.
fn memory(stack: &Stack, figure: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stack.pid("auth").unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

/// Takes half a minute.
mod long {
    use super::*;
    use futures::{StreamExt as _, stream};
    use std::time::Duration;

    const LOG_INS: u32 = 4_000;
    const AT_ONCE: usize = 400;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_of_log_ins_costs_little_memory_and_gives_it_back() {
        chassis::jwt::crypto::install();
        let sandbox = Sandbox::of("auth").await.unwrap();
        let stack = Stack::start(&sandbox, &["auth"]).await.unwrap();
        let (client, url) = (chassis::client::new(), format!("{}/v1/sessions", stack.url("auth")));
        let log_in = |number: u32| {
            // Each of somebody else's, or one caller's share would be all that is ever worked on.
            let address = format!("203.0.{}.{}", number / 250 % 250, number % 250);
            let body = json!({"email": format!("nobody-{number}@exemplo.com"), "password": "not the password"});
            let request = client.post(&url).header("x-forwarded-for", address).json(&body);
            async move { request.send().await.unwrap().status().as_u16() }
        };
        // Everything is set up, and as many hashes as may be are computed at once.
        let _: Vec<_> = stream::iter((0..32).map(log_in)).buffer_unordered(8).collect().await;
        let before = memory(&stack, "VmRSS");
        let statuses: Vec<u16> = stream::iter((0..LOG_INS).map(log_in)).buffer_unordered(AT_ONCE).collect().await;
        let refused = statuses.iter().filter(|status| **status == 503).count();
        assert!(refused > 0 && statuses.contains(&401), "no flood: {refused} of {LOG_INS} were refused");
        let most = memory(&stack, "VmHWM");
        assert!(most < before * 2, "{most} KiB at the height of the flood, {before} KiB before");
        let given_back = async || {
            let now = memory(&stack, "VmRSS");
            anyhow::ensure!(now < before * 5 / 4, "{now} KiB, {before} KiB before");
            Ok(Some(()))
        };
        kit::eventually(Duration::from_secs(60), "the memory to be given back", given_back).await.unwrap();
    }
}

#[tokio::test]
async fn the_program_serves_and_logs_nothing_personal() {
    chassis::jwt::crypto::install();
    let sandbox = Sandbox::of("auth").await.unwrap();
    let stack =
        Stack::builder(&sandbox).env("auth", "AUTH_LOG__FILTER", "debug,sqlx=trace").start(&["auth"]).await.unwrap();
    let (client, url) = (chassis::client::new(), stack.url("auth"));
    let body = json!({"email": "ana.silva@exemplo.com", "password": PASSWORD, "full_name": "Ana Margarida"});
    let answer = client.post(format!("{url}/v1/users")).json(&body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    let session: Session = answer.json().await.unwrap();
    let me = client.get(format!("{url}/v1/users/me")).bearer_auth(&session.access_token);
    let me: User = me.send().await.unwrap().json().await.unwrap();
    assert_eq!(me, session.user);
    let refused = json!({"email": "ana.silva@exemplo.com", "password": "not the password"});
    let answer = client.post(format!("{url}/v1/sessions")).json(&refused).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);

    let metrics = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    for name in [auth::metrics::REGISTRATIONS, auth::metrics::LOGINS, auth::metrics::HASH_DURATION] {
        assert!(metrics.contains(name), "{name} is not measured");
    }
    stack.stop("auth").await.unwrap();
    let logs = stack.logs("auth").unwrap();
    assert!(logs.contains("A request was answered."), "{logs}");
    let operator = sandbox.operator();
    for secret in [
        "ana.silva",
        "Margarida",
        PASSWORD,
        "not the password",
        &session.access_token,
        &session.refresh_token,
        &operator.email,
        &operator.password,
    ] {
        assert!(!logs.contains(secret), "the log tells {secret}");
    }
}
