//! What comes to a saga, and what it leads to.

use chrono::{DateTime, Utc};
use contracts::command::Direction;

/// What comes to a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A participant replied.
    Replied {
        /// To which step.
        step: usize,
        /// Whether to the command or to its compensation.
        direction: Direction,
        /// To which attempt.
        attempt: u32,
        /// What came of it.
        reply: Reply,
    },
    /// The local step that the machine asked for has run, with this outcome.
    Ran(Reply),
    /// The local step that the machine asked for failed and was rolled back.
    Failed {
        /// How.
        error: String,
    },
    /// Its time has come.
    Due {
        /// From when on a reply could have come, if not since the attempt began: a remote step then has its timeout anew
        /// from here.
        anew: Option<DateTime<Utc>>,
    },
    /// Somebody does not want it any more.
    Cancel {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// An operator wants the step tried again, now.
    Retry {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// An operator has seen to the step.
    Settle {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// It can no longer be cancelled.
    Close,
}

/// What came of a step, or of its compensation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// It is not done and never will be.
    Refused {
        /// Why, for a program.
        code: String,
        /// Why, for a person.
        message: String,
    },
}

/// What to do now, in the transaction of the transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the saga waits or has ended.
    Rest,
    /// Send the command that the state waits for.
    Send,
    /// Run the local step that the state waits for, and tell the machine how it went.
    Run,
}

/// Why an input changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The reply is not the one that the saga waits for: a duplicate, or late.
    #[error("the saga does not wait for this reply")]
    Absorbed,
    /// Its time has not come.
    #[error("the saga's time has not come")]
    NotDue,
    /// It is on its way back already.
    #[error("the saga is on its way back already")]
    UnderWay,
    /// It has passed its pivot.
    #[error("the saga has passed its pivot and goes only forward")]
    PastPivot,
    /// It was closed.
    #[error("the saga was closed")]
    Closed,
    /// It has ended, undone.
    #[error("the saga has ended")]
    Ended,
    /// It is not completed.
    #[error("the saga is not completed")]
    NotCompleted,
    /// There is no step that an operator could have tried again.
    #[error("the saga waits for no step that could be tried again")]
    NothingToRetry,
    /// It needs no attention.
    #[error("the saga needs no attention")]
    NothingToSettle,
}
