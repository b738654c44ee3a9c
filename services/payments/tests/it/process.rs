//! The program itself: it dies between every two writes, is started again, and has charged once.

use crate::{
    app::is_done,
    provider::{Provider, SECRET},
    wire::{self, charge, undo},
};
use contracts::command::checkout::ChargePayment;
use harness::{FakePeer, TestProgram};
use kit::Stack;

pub(crate) struct Scene {
    pub(crate) provider: Provider,
    pub(crate) wire: FakePeer,
    pub(crate) program: TestProgram,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let provider = Provider::start().await;
        let program = TestProgram::of("payments").await;
        let program = program
            .env("PAYMENTS_PROVIDER__URL", provider.url())
            .env("PAYMENTS_PROVIDER__SECRET", SECRET)
            .env("PAYMENTS_WORKER__LEASE_MS", "1000")
            .env("PAYMENTS_LOG__FILTER", "debug,sqlx=trace");
        Self { provider, wire: wire::open(&program.sandbox).await, program }
    }

    pub(crate) async fn start(&self) -> Stack {
        self.program.start("").await
    }

    /// Runs until the process dies of the failpoint, which `command` leads to.
    pub(crate) async fn dies(&self, failpoint: &str, command: impl AsyncFnOnce(&str)) {
        let stack = self.program.start(&format!("{failpoint}=return")).await;
        command(&stack.url("payments")).await;
        self.program.died(&stack).await;
    }
}

async fn is_charged_once_after_dying_at(failpoint: &str) {
    let scene = Scene::new().await;
    let command = charge("tok_visa_ok", 500);
    scene.dies(failpoint, async |_| scene.wire.command(&command).await).await;
    let stack = scene.start().await;
    is_done(&scene.wire.reply(&command.step).await);
    has_one_charge(&scene, &command).await;
    stack.stop("payments").await.unwrap();
    let logs = stack.logs("payments").unwrap();
    assert!(!logs.contains("tok_"), "the log tells a token");
}

async fn has_one_charge(scene: &Scene, command: &ChargePayment) {
    let charges = scene.provider.ledger().await.charges;
    assert_eq!(charges.len(), 1, "{charges:?}");
    assert_eq!(charges[0].amount, command.amount);
}

macro_rules! dying_while_charging {
    ($($name:ident at $failpoint:literal;)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            is_charged_once_after_dying_at($failpoint).await;
        }
    )+};
}

dying_while_charging! {
    after_the_payment_s_row at "payments.charge.after_payment";
    before_the_intent_is_committed at "payments.charge.before_commit";
    after_the_intent at "payments.charge.after_commit";
    before_the_call at "payments.call.before";
    after_the_call_before_the_outcome at "payments.call.after";
    after_the_outcome_s_first_write at "payments.settle.after_payment";
    after_the_call_s_row_is_gone at "payments.settle.after_call";
    after_event_and_reply at "payments.settle.after_outbox";
    before_the_outcome_is_committed at "payments.settle.before_commit";
}

async fn is_refunded_once_after_dying_at(failpoint: &str) {
    let scene = Scene::new().await;
    let command = charge("tok_visa_ok", 500);
    let back = undo(&command);
    scene
        .dies(failpoint, async |_| {
            is_done(&scene.wire.ask(&command).await);
            scene.wire.command(&back).await;
        })
        .await;
    let _stack = scene.start().await;
    is_done(&scene.wire.reply(&back.step).await);
    has_one_charge(&scene, &command).await;
    let refunds = scene.provider.ledger().await.refunds;
    assert_eq!((refunds.len(), refunds[0].amount), (1, command.amount));
}

macro_rules! dying_while_undoing {
    ($($name:ident at $failpoint:literal;)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            is_refunded_once_after_dying_at($failpoint).await;
        }
    )+};
}

dying_while_undoing! {
    after_the_compensation_is_noted at "payments.undo.after_note";
    after_the_refund_s_row at "payments.undo.after_refund";
    before_the_compensation_is_committed at "payments.undo.before_commit";
    after_the_refund_is_made at "payments.refund.after_refund";
    after_the_refund_s_call_is_gone at "payments.refund.after_call";
    after_the_refund_s_event at "payments.refund.after_event";
    before_the_refund_is_committed at "payments.refund.before_commit";
}
