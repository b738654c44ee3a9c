//! What a customer wants to be, parsed, and what changed.

use super::{Document, Email, FullName, Phone, WantedPaymentMethod, address};
use chrono::{DateTime, Utc};
use contracts::field_errors::FieldErrors;
use contracts::person::Person;
use contracts::rest::orders::SaveCustomer;

/// The most payment methods of one customer.
const MOST_PAYMENT_METHODS: usize = 20;

/// A customer's data as they shall be.
#[derive(Debug, Clone)]
pub struct CustomerData {
    pub person: Person,
    /// The payment methods; nothing when they stay.
    pub payment_methods: Option<Vec<WantedPaymentMethod>>,
}

impl CustomerData {
    pub fn parse(request: &SaveCustomer, now: DateTime<Utc>) -> Result<Self, FieldErrors> {
        let mut fields = FieldErrors::default();
        let email = fields.take("email", Email::parse(&request.email));
        let document = fields.take("document", Document::parse(&request.document));
        let full_name = fields.take("full_name", FullName::parse(&request.full_name));
        let phone = match &request.phone {
            Some(text) => fields.take("phone", Phone::parse(text)).map(Some),
            None => Some(None),
        };
        let shipping = address::read(&mut fields, "shipping_address", &request.shipping_address);
        let billing = match &request.billing_address {
            Some(billing) => address::read(&mut fields, "billing_address", billing),
            None => shipping.clone(),
        };
        let payment_methods = read_payment_methods(&mut fields, request, now);
        let person = (|| {
            Some(Person {
                email: email?.as_str().to_owned(),
                document: document?.as_str().to_owned(),
                full_name: full_name?.as_str().to_owned(),
                phone: phone?.map(|phone| phone.as_str().to_owned()),
                shipping_address: shipping?,
                billing_address: billing?,
            })
        })();
        match person {
            Some(person) if fields.is_empty() => Ok(Self { person, payment_methods }),
            _ => Err(fields),
        }
    }
}

fn read_payment_methods(
    fields: &mut FieldErrors,
    request: &SaveCustomer,
    now: DateTime<Utc>,
) -> Option<Vec<WantedPaymentMethod>> {
    let wanted = request.payment_methods.as_ref()?;
    if wanted.len() > MOST_PAYMENT_METHODS {
        fields.refuse("payment_methods", format!("must be {MOST_PAYMENT_METHODS} at most"));
        return None;
    }
    let mut read = Vec::new();
    for (index, method) in wanted.iter().enumerate() {
        let name = format!("payment_methods[{index}]");
        if method.id.is_some() && wanted[..index].iter().any(|other| other.id == method.id) {
            fields.refuse(format!("{name}.id"), "must not be repeated");
        }
        read.extend(WantedPaymentMethod::read(fields, &name, method, now));
    }
    Some(read)
}

/// The names of the fields of a person that differ.
#[must_use]
pub fn changed(before: &Person, after: &Person) -> Vec<String> {
    let fields = [
        ("email", before.email != after.email),
        ("document", before.document != after.document),
        ("full_name", before.full_name != after.full_name),
        ("phone", before.phone != after.phone),
        ("shipping_address", before.shipping_address != after.shipping_address),
        ("billing_address", before.billing_address != after.billing_address),
    ];
    fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()).collect()
}
