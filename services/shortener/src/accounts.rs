//! Hears the commands of sagas that delete accounts.
//!
//! A command that comes again does what is left of its work and is answered again: no inbox is needed.

use crate::app::Catalogue;
use chassis::failpoint;
use contracts::command::accounts::{DisableLinks, EnableLinks};
use contracts::envelope::EventData;
use messaging::{HandleError, Handler, Message, Registration, Subscription};
use std::time::Duration;

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "shortener.accounts";
/// How long one command may take: an owner may have very many links.
const LIMIT: Duration = Duration::from_secs(300);

pub fn consumer(catalogue: Catalogue) -> Registration<Accounts> {
    Subscription::to_commands(CONSUMER, [DisableLinks::TYPE, EnableLinks::TYPE])
        .partitions(1)
        .tries(3, Duration::from_millis(100), LIMIT)
        .handled_by(Accounts(catalogue))
}

/// Does what sagas tell it.
pub struct Accounts(Catalogue);

impl Handler for Accounts {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        for message in batch {
            match message.kind.as_str() {
                DisableLinks::TYPE => {
                    let command = message.decode::<DisableLinks>()?.data;
                    self.0.disable_all(command.auth_user_id, command.step).await?;
                }
                EnableLinks::TYPE => {
                    let command = message.decode::<EnableLinks>()?.data;
                    self.0.enable_all(command.auth_user_id, command.step).await?;
                }
                _ => {}
            }
        }
        failpoint!("shortener.accounts.after_reply");
        Ok(())
    }
}
