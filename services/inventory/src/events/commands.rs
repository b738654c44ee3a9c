//! The commands of checkouts: to reserve stock, and to release it.

use super::fail;
use crate::app::Inventory;
use chassis::Scope;
use contracts::command::checkout::{ReleaseStock, ReserveStock};
use contracts::envelope::EventData;
use messaging::{HandleError, Handler, Message, Registration, Subscription};

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "inventory.commands";
/// How many batches of commands are worked on at once, each in a transaction.
pub const PARTITIONS: u16 = 2;
/// How many commands a batch holds at most.
const BATCH: u16 = 32;

/// The consumer, which works on an inventory.
#[must_use]
pub fn consumer(inventory: Inventory) -> Registration<Commands> {
    Subscription::to_commands(CONSUMER, [ReserveStock::TYPE, ReleaseStock::TYPE])
        .partitions(PARTITIONS)
        .batch(BATCH)
        .handled_by(Commands(inventory))
}

/// Does what sagas tell. Needs no inbox: see [`Inventory::reserve`].
pub struct Commands(Inventory);

impl Handler for Commands {
    /// Commands to reserve that follow one another go together: the others are rare. What a failure leaves done is found
    /// done when the commands come again.
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        for alike in batch.chunk_by(|one, next| one.kind == next.kind) {
            match alike[0].kind.as_str() {
                ReserveStock::TYPE => {
                    let mut commands = Vec::with_capacity(alike.len());
                    for message in alike {
                        let command = message.decode::<ReserveStock>()?.data;
                        commands.push((command, message.scope(async { Scope::current() }).await));
                    }
                    Box::pin(self.0.reserve(&commands)).await.map_err(fail)?;
                }
                ReleaseStock::TYPE => {
                    for message in alike {
                        let command = message.decode::<ReleaseStock>()?.data;
                        message.scope(Box::pin(self.0.release(command))).await.map_err(fail)?;
                    }
                }
                other => return Err(HandleError::permanent(format!("there is no command {other}"))),
            }
        }
        Ok(())
    }
}
