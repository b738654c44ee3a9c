//! The program itself, killed.

use crate::world::charge;
use kit::{Sandbox, Stack};
use providers::{ledger::Everything, payment::Charge};
use std::{
    process::{Command, Stdio},
    time::Duration,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_kill_9() {
    let sandbox = Sandbox::only(&[]).await.unwrap();
    let stack = Stack::start(&sandbox, &["providers"]).await.unwrap();
    let secret = stack.environment("providers").unwrap()["PROVIDERS_SECRET"].clone();
    let (client, url) = (chassis::client::new(), format!("{}/payments/v1", stack.url("providers")));
    let send = async |key: String| {
        let request = client.post(format!("{url}/charges")).bearer_auth(&secret).header("idempotency-key", key);
        let answer = request.json(&charge("tok_visa_ok", 5)).send().await.ok()?;
        answer.json::<Charge>().await.ok()
    };
    for round in 0..3 {
        let all = futures::future::join_all((0..50).map(|n| send(format!("{round}-{n}"))));
        let (answered, killed) = tokio::join!(all, async {
            send(format!("{round}-first")).await;
            stack.kill9("providers").await
        });
        killed.unwrap();
        stack.restart("providers").await.unwrap();
        let ledger = client.get(format!("{url}/ledger")).bearer_auth(&secret).send().await.unwrap();
        let ledger: Everything = ledger.json().await.unwrap();
        for charge in answered.into_iter().flatten() {
            assert!(ledger.charges.contains(&charge), "{charge:?} was answered and is lost");
        }
    }
    assert!(!stack.logs("providers").unwrap().contains("tok_"));
}

/// Kills the program when the test ends, however it ends.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_stalls_no_request() {
    let sandbox = Sandbox::only(&[]).await.unwrap();
    let port = kit::ports::Reserved::take().unwrap();
    let address = format!("127.0.0.1:{}", port.port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_providers"));
    command.envs(sandbox.env_for("providers")).env("PROVIDERS_HTTP__BIND", &address).stdout(Stdio::piped());
    let _running = Running(command.spawn().unwrap());
    let client = chassis::client::new();
    let ask = async |path: &str| client.get(format!("http://{address}{path}")).send().await;
    let listens = async || Ok(ask("/health/live").await.is_ok().then_some(()));
    kit::eventually(Duration::from_secs(60), "the program to listen", listens).await.unwrap();
    // Each is a line of some hundred bytes, and a pipe holds 64 KiB.
    for _ in 0..100 {
        let asked = futures::future::join_all((0..10).map(|_| ask("/payments/v1/ledger")));
        let answers = tokio::time::timeout(Duration::from_secs(30), asked).await.expect("nobody waits for the log");
        assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 401));
    }
}
