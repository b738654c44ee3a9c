//! What orchestrated sagas tell other services to do, and the replies.
//!
//! Commands travel as events do (same envelope, through the outbox), on an exchange of their own:
//! [`COMMANDS_EXCHANGE`](crate::amqp::COMMANDS_EXCHANGE), routed by their type. Their subject is the
//! saga's id. No log keeps them.
//!
//! Every participant is idempotent by saga and step: the same command again has the same answer. An
//! undoing command names the step that it undoes; when it comes before the command itself, it leaves
//! a tombstone that refuses the late one.

pub mod accounts;
pub mod checkout;

use crate::envelope::EventData;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Where in which saga a command stands. A reply carries it back unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StepRef {
    pub saga_id: Uuid,
    /// The step's name, for example `reserve_stock`; the same when it is undone.
    pub step: String,
    /// Whether the step is done or undone.
    pub direction: Direction,
    /// Which attempt at it this is, from 1.
    pub attempt: u32,
    /// The routing key of the reply, for example `orders.saga.replied`.
    pub reply_to: String,
}

/// Whether a step is done or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The step's own command.
    Forward,
    Backward,
}

/// A command: an [`EventData`] that knows where in its saga it stands.
pub trait Command: EventData {
    fn step(&self) -> &StepRef;
}

/// The reply to any command. Subject: the saga's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Replied {
    /// The command's own.
    pub step: StepRef,
    /// What came of it.
    pub outcome: Outcome,
}

impl EventData for Replied {
    const TYPE: &'static str = "saga.replied";
    const VERSION: u32 = 1;
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// It is done, now or by an earlier attempt.
    Done {
        /// What the saga learns from it; each command names the type. `null` when nothing.
        #[serde(default)]
        answer: Value,
    },
    /// It is not done and never will be, for a reason of the business.
    Refused {
        /// Why, for a program.
        code: String,
        /// Why, for a person.
        message: String,
    },
}

macro_rules! commands {
    ($($(#[doc = $doc:literal])+ $name:ident = $kind:literal { $($(#[doc = $fdoc:literal])* $field:ident: $type:ty,)* })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub struct $name {
            /// Where in its saga it stands.
            pub step: $crate::command::StepRef,
            $($(#[doc = $fdoc])* pub $field: $type,)*
        }

        impl $crate::envelope::EventData for $name {
            const TYPE: &'static str = $kind;
            const VERSION: u32 = 1;
        }

        impl $crate::command::Command for $name {
            fn step(&self) -> &$crate::command::StepRef {
                &self.step
            }
        }
    )+};
}
pub(crate) use commands;
