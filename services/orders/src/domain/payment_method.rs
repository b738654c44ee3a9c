//! Payment methods: what stands for them at the payment provider, never their numbers.

use chrono::{DateTime, Datelike, Utc};
use contracts::command::checkout::PaymentMethodKind;
use contracts::field_errors::FieldErrors;
use contracts::rest::orders::{self as rest, SavePaymentMethod};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a token may be, in bytes.
const LONGEST_TOKEN: usize = 255;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    pub provider_token: String,
    pub kind: PaymentMethodKind,
    /// The last four digits, for cards.
    pub last_four: Option<String>,
    /// The last month in which it is good, for cards: `2029-12`.
    pub expiry: Option<String>,
}

impl PaymentMethod {
    /// As its owner sees it.
    #[must_use]
    pub fn shown(&self, id: Uuid) -> rest::PaymentMethod {
        rest::PaymentMethod { id, kind: self.kind, last_four: self.last_four.clone(), expiry: self.expiry.clone() }
    }
}

/// Shows no token.
impl std::fmt::Debug for PaymentMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PaymentMethod({})", self.kind.into_str())
    }
}

/// A payment method that a customer wants to have.
#[derive(Debug, Clone)]
pub struct WantedPaymentMethod {
    pub id: Option<Uuid>,
    /// Nothing when that of `id` is to be kept.
    provider_token: Option<String>,
    kind: PaymentMethodKind,
    last_four: Option<String>,
    expiry: Option<String>,
}

impl WantedPaymentMethod {
    /// Reads the one in the field `name`.
    pub(super) fn read(
        fields: &mut FieldErrors,
        name: &str,
        wanted: &SavePaymentMethod,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let mut of = FieldErrors::default();
        let provider_token = match &wanted.provider_token {
            Some(token) => of.take("provider_token", token_of(token)).map(Some),
            None if wanted.id.is_some() => Some(None),
            None => of.take("provider_token", Err("is required, or the id of a saved payment method")),
        };
        let is_card = wanted.kind != PaymentMethodKind::Pix;
        let last_four = of.take("last_four", read_last_four(wanted.last_four.as_deref(), is_card));
        let expiry = of.take("expiry", read_expiry(wanted.expiry.as_deref(), is_card, now));
        fields.add(of.within(&format!("{name}.")));
        let kind = wanted.kind;
        Some(Self { id: wanted.id, provider_token: provider_token?, kind, last_four: last_four?, expiry: expiry? })
    }

    /// What it is to be, where `kept` is what it was.
    #[must_use]
    pub fn into_payment_method(self, kept: Option<&PaymentMethod>) -> Option<PaymentMethod> {
        let provider_token = self.provider_token.or_else(|| kept.map(|method| method.provider_token.clone()))?;
        Some(PaymentMethod { provider_token, kind: self.kind, last_four: self.last_four, expiry: self.expiry })
    }
}

fn token_of(text: &str) -> Result<String, &'static str> {
    let is_token = |byte: u8| byte.is_ascii_graphic();
    if (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(is_token) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 255 visible ASCII characters")
    }
}

fn read_last_four(text: Option<&str>, is_card: bool) -> Result<Option<String>, &'static str> {
    match text {
        None if !is_card => Ok(None),
        Some(_) if !is_card => Err("is for cards only"),
        Some(digits) if digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(Some(digits.to_owned()))
        }
        _ => Err("must be the last four digits of the card"),
    }
}

fn read_expiry(text: Option<&str>, is_card: bool, now: DateTime<Utc>) -> Result<Option<String>, &'static str> {
    let malformed = "must be a year and a month, as in 2029-12";
    let text = match text {
        None if !is_card => return Ok(None),
        Some(_) if !is_card => return Err("is for cards only"),
        text => text.ok_or(malformed)?,
    };
    let is_digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let (year, month) = text.split_once('-').ok_or(malformed)?;
    if !is_digits(year, 4) || !is_digits(month, 2) {
        return Err(malformed);
    }
    let (year, month): (i32, u32) = (year.parse().map_err(|_| malformed)?, month.parse().map_err(|_| malformed)?);
    if !(1..=12).contains(&month) {
        return Err(malformed);
    }
    if (year, month) < (now.year(), now.month()) {
        return Err("has expired");
    }
    if year > now.year() + 30 { Err("must be at most 30 years ahead") } else { Ok(Some(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn wanted(kind: PaymentMethodKind) -> SavePaymentMethod {
        let card = kind != PaymentMethodKind::Pix;
        SavePaymentMethod {
            id: None,
            provider_token: Some("tok_visa".to_owned()),
            kind,
            last_four: card.then(|| "1111".to_owned()),
            expiry: card.then(|| "2029-12".to_owned()),
        }
    }

    fn refused(wanted: &SavePaymentMethod) -> Vec<String> {
        let mut fields = FieldErrors::default();
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        let read = WantedPaymentMethod::read(&mut fields, "m", wanted, now);
        let refused: Vec<_> = fields.into_iter().map(|error| error.field).collect();
        assert_eq!(read.is_none(), !refused.is_empty());
        refused
    }

    #[test]
    fn every_kind_is_read() {
        for kind in [PaymentMethodKind::CreditCard, PaymentMethodKind::DebitCard, PaymentMethodKind::Pix] {
            assert!(refused(&wanted(kind)).is_empty());
        }
    }

    #[rstest]
    #[case::no_month("2029")]
    #[case::thirteen("2029-13")]
    #[case::signs("+029-01")]
    #[case::over("2026-10")]
    #[case::far("2099-01")]
    fn expiries_that_cannot_be_are_refused(#[case] expiry: &str) {
        let wanted = SavePaymentMethod { expiry: Some(expiry.to_owned()), ..wanted(PaymentMethodKind::CreditCard) };
        assert_eq!(refused(&wanted), ["m.expiry"]);
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let card = SavePaymentMethod {
            provider_token: None,
            last_four: Some("12a4".to_owned()),
            expiry: None,
            ..wanted(PaymentMethodKind::DebitCard)
        };
        assert_eq!(refused(&card), ["m.provider_token", "m.last_four", "m.expiry"]);
        let pix = SavePaymentMethod { kind: PaymentMethodKind::Pix, ..wanted(PaymentMethodKind::CreditCard) };
        assert_eq!(refused(&pix), ["m.last_four", "m.expiry"]);
    }

    #[test]
    fn one_that_is_kept_needs_no_token_and_keeps_its_own() {
        let mut fields = FieldErrors::default();
        let kept = SavePaymentMethod { id: Some(Uuid::nil()), provider_token: None, ..wanted(PaymentMethodKind::Pix) };
        let read = WantedPaymentMethod::read(&mut fields, "m", &kept, Utc::now()).unwrap();
        assert!(read.clone().into_payment_method(None).is_none());
        let was = PaymentMethod {
            provider_token: "tok".to_owned(),
            kind: PaymentMethodKind::Pix,
            last_four: None,
            expiry: None,
        };
        assert_eq!(read.into_payment_method(Some(&was)).unwrap(), was);
    }
}
