//! What goes wrong when somebody wants it to.

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request waits before anything happens.
    Latency,
    /// The request is answered 503, and nothing happens.
    #[serde(rename = "error_5xx")]
    Error5xx,
    /// The request is never answered, and nothing happens.
    Hang,
    /// A new charge is declined, whatever its token.
    Decline,
    /// The charge or refund is made, and the connection closed without an answer.
    AnswerLost,
    /// A webhook is delivered a second time.
    DuplicateWebhook,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// To charge.
    Charge,
    /// To refund.
    Refund,
    /// To find a charge or refund by its key.
    Lookup,
}

/// A fault that is switched on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// How probable it is for one request, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// How many requests it strikes until it ends by itself; no end when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remaining: Option<u32>,
    /// Which requests it may strike; all of which the kind makes sense when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on: Option<Operation>,
    /// For `latency`: how long, in milliseconds; 1,000 when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub milliseconds: Option<u64>,
}

fn always() -> f64 {
    1.0
}

/// `PUT /payments/v1/faults`: replaces all faults.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultList {
    pub faults: Vec<Fault>,
    /// Makes chance begin anew, so that a run can be repeated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
}

/// The faults that are switched on. Clones are the same.
#[derive(Clone)]
pub struct Faults(Arc<Mutex<State>>);

struct State {
    faults: Vec<Fault>,
    chance: StdRng,
}

impl Fault {
    fn concerns(&self, operation: Option<Operation>) -> bool {
        match (self.on, operation) {
            (Some(on), Some(operation)) => on == operation,
            (Some(_), None) => false,
            // There is nothing to lose the answer of when nothing was done.
            (None, operation) => self.kind != Kind::AnswerLost || operation != Some(Operation::Lookup),
        }
    }

    /// How long a request waits.
    #[must_use]
    pub fn latency(&self) -> Duration {
        Duration::from_millis(self.milliseconds.unwrap_or(1_000))
    }
}

impl Faults {
    /// None, with chance beginning at a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State { faults: Vec::new(), chance: StdRng::seed_from_u64(seed) })))
    }

    /// Switches these on and all others off.
    pub fn replace(&self, list: FaultList) {
        let mut state = self.0.lock();
        state.faults = list.faults;
        if let Some(seed) = list.seed {
            state.chance = StdRng::seed_from_u64(seed);
        }
    }

    /// Those that are switched on.
    #[must_use]
    pub fn list(&self) -> FaultList {
        FaultList { faults: self.0.lock().faults.clone(), seed: None }
    }

    /// Whether a fault of this kind strikes now; which one.
    #[must_use]
    pub fn strike(&self, kind: Kind, operation: Option<Operation>) -> Option<Fault> {
        let mut state = self.0.lock();
        let State { faults, chance } = &mut *state;
        let place = faults.iter().position(|fault| {
            fault.kind == kind && fault.concerns(operation) && chance.random::<f64>() < fault.probability
        })?;
        let struck = faults[place].clone();
        if let Some(remaining) = &mut faults[place].remaining {
            *remaining = remaining.saturating_sub(1);
            if *remaining == 0 {
                faults.remove(place);
            }
        }
        Some(struck)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: Kind, probability: f64, remaining: Option<u32>) -> Fault {
        Fault { kind, probability, remaining, on: None, milliseconds: None }
    }

    fn hits(faults: &Faults, kind: Kind) -> usize {
        (0..1_000).filter(|_| faults.strike(kind, Some(Operation::Charge)).is_some()).count()
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_ends_with_its_count() {
        let run = |seed| {
            let faults = Faults::seeded(0);
            faults.replace(FaultList { faults: vec![fault(Kind::Hang, 0.3, None)], seed: Some(seed) });
            let strikes: Vec<_> = (0..64).map(|_| faults.strike(Kind::Hang, None).is_some()).collect();
            strikes
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let faults = Faults::seeded(1);
        faults.replace(FaultList { faults: vec![fault(Kind::Decline, 0.5, Some(5))], seed: None });
        assert_eq!(hits(&faults, Kind::Decline), 5);
        assert!(faults.list().faults.is_empty());
        faults.replace(FaultList { faults: vec![fault(Kind::Decline, 0.0, None)], seed: None });
        assert_eq!(hits(&faults, Kind::Decline), 0);
    }

    #[test]
    fn a_fault_strikes_only_what_it_is_on() {
        let faults = Faults::seeded(0);
        let lost = fault(Kind::AnswerLost, 1.0, None);
        let hang = Fault { on: Some(Operation::Lookup), ..fault(Kind::Hang, 1.0, None) };
        faults.replace(FaultList { faults: vec![lost, hang], seed: None });
        assert!(faults.strike(Kind::AnswerLost, Some(Operation::Lookup)).is_none());
        assert!(faults.strike(Kind::AnswerLost, Some(Operation::Refund)).is_some());
        assert!(faults.strike(Kind::Hang, Some(Operation::Charge)).is_none());
        assert!(faults.strike(Kind::Hang, Some(Operation::Lookup)).is_some());
    }
}
