//! What the ledger's lines add up to.

use super::{Entry, Everything};
use crate::payment::{Charge, ChargeStatus, DeclineReason, NewCharge, NewRefund, Outcome, Refund};
use chrono::Utc;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Why a request is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The key was used with another body.
    #[error("the idempotency key was used with another body")]
    OtherBody,
    #[error("there is no such charge")]
    NoCharge,
    /// The charge was declined: there is nothing to give back.
    #[error("the charge was declined")]
    NotCaptured,
    /// More than is left of the charge, or of another currency.
    #[error("more than is left of the charge, or of another currency")]
    TooMuch,
}

/// Every charge and refund, with ways to find them.
#[derive(Default)]
pub(super) struct Books {
    charges: Vec<Charge>,
    refunds: Vec<Refund>,
    /// By idempotency key: the fingerprint of the body, and where it stands.
    charges_by_key: HashMap<String, (String, usize)>,
    refunds_by_key: HashMap<String, (String, usize)>,
    charges_by_id: HashMap<String, usize>,
    /// How much of each charge was given back.
    refunded: HashMap<String, i64>,
    told: HashSet<String>,
}

impl Books {
    /// Takes a line over.
    pub(super) fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Charge { fingerprint, charge } => {
                let place = self.charges.len();
                self.charges_by_key.insert(charge.idempotency_key.clone(), (fingerprint, place));
                self.charges_by_id.insert(charge.id.clone(), place);
                self.charges.push(charge);
            }
            Entry::Refund { fingerprint, refund } => {
                let place = self.refunds.len();
                self.refunds_by_key.insert(refund.idempotency_key.clone(), (fingerprint, place));
                *self.refunded.entry(refund.charge_id.clone()).or_default() += refund.amount.minor;
                self.refunds.push(refund);
            }
            Entry::Told { event_id } => {
                self.told.insert(event_id);
            }
        }
    }

    /// The outcomes that no webhook has told.
    pub(super) fn untold(&self) -> Vec<Outcome> {
        let charges = self.charges.iter().cloned().map(Outcome::Charge);
        let refunds = self.refunds.iter().cloned().map(Outcome::Refund);
        charges.chain(refunds).filter(|outcome| !self.told.contains(&outcome.event_id())).collect()
    }

    /// Decides on a charge: an earlier one, or a new one with its line.
    pub(super) fn charge(
        &mut self,
        key: &str,
        fingerprint: String,
        new: &NewCharge,
        declined: bool,
    ) -> Result<(Charge, Option<Entry>), Refused> {
        if let Some((known, place)) = self.charges_by_key.get(key) {
            let same = *known == fingerprint;
            return if same { Ok((self.charges[*place].clone(), None)) } else { Err(Refused::OtherBody) };
        }
        let fault = declined.then_some(DeclineReason::InsufficientFunds);
        let decline_reason = DeclineReason::of_token(&new.token).or(fault);
        let charge = Charge {
            id: format!("ch_{}", Uuid::now_v7().simple()),
            idempotency_key: key.to_owned(),
            amount: new.amount,
            status: if decline_reason.is_some() { ChargeStatus::Declined } else { ChargeStatus::Captured },
            decline_reason,
            reference: new.reference.clone(),
            created_at: Utc::now(),
        };
        let entry = Entry::Charge { fingerprint, charge: charge.clone() };
        self.enter(entry.clone());
        Ok((charge, Some(entry)))
    }

    /// Decides on a refund: an earlier one, or a new one with its line.
    pub(super) fn refund(
        &mut self,
        key: &str,
        fingerprint: String,
        charge_id: &str,
        new: &NewRefund,
    ) -> Result<(Refund, Option<Entry>), Refused> {
        if let Some((known, place)) = self.refunds_by_key.get(key) {
            let same = *known == fingerprint;
            return if same { Ok((self.refunds[*place].clone(), None)) } else { Err(Refused::OtherBody) };
        }
        let charge = self.charges_by_id.get(charge_id).map(|place| &self.charges[*place]).ok_or(Refused::NoCharge)?;
        if charge.status != ChargeStatus::Captured {
            return Err(Refused::NotCaptured);
        }
        let left = charge.amount.minor - self.refunded.get(charge_id).copied().unwrap_or_default();
        if new.amount.currency != charge.amount.currency || new.amount.minor > left {
            return Err(Refused::TooMuch);
        }
        let refund = Refund {
            id: format!("re_{}", Uuid::now_v7().simple()),
            charge_id: charge_id.to_owned(),
            idempotency_key: key.to_owned(),
            amount: new.amount,
            created_at: Utc::now(),
        };
        let entry = Entry::Refund { fingerprint, refund: refund.clone() };
        self.enter(entry.clone());
        Ok((refund, Some(entry)))
    }

    pub(super) fn charge_by_key(&self, key: &str) -> Option<Charge> {
        self.charges_by_key.get(key).map(|(_, place)| self.charges[*place].clone())
    }

    pub(super) fn refund_by_key(&self, key: &str) -> Option<Refund> {
        self.refunds_by_key.get(key).map(|(_, place)| self.refunds[*place].clone())
    }

    pub(super) fn everything(&self) -> Everything {
        Everything { charges: self.charges.clone(), refunds: self.refunds.clone() }
    }
}
