//! The program itself, killed.

use crate::world::charge;
use kit::{Sandbox, Stack};
use providers::{ledger::Everything, payment::Charge};

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
