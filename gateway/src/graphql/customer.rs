//! Customers: who buys, where it goes, and what it is paid with.

use super::immediate::Immediate;
use super::scalars::Moment;
use super::uuid;
use async_graphql::{Enum, ID, InputObject, SimpleObject};
use chassis::http::Failure;
use contracts::command::checkout;
use contracts::field_errors::FieldErrors;
use contracts::person;
use contracts::rest::orders;

/// A customer.
#[derive(SimpleObject)]
pub struct Customer {
    /// The customer's id.
    pub(super) id: ID,
    /// The e-mail, in lower case.
    email: String,
    /// CPF or CNPJ, without punctuation.
    document: String,
    /// The name.
    full_name: String,
    /// The telephone number, in E.164 format.
    phone: Option<String>,
    /// The address for deliveries.
    shipping_address: Immediate<Address>,
    /// The address on invoices.
    billing_address: Immediate<Address>,
    /// The payment methods. Their tokens are never returned.
    payment_methods: Vec<Immediate<PaymentMethod>>,
    /// When the user became a customer.
    created_at: Moment,
    /// When the data last changed.
    updated_at: Moment,
}

/// A postal address.
#[derive(SimpleObject, InputObject)]
#[graphql(input_name = "AddressInput")]
pub struct Address {
    /// The street: 1 to 200 characters.
    street: String,
    /// The number in the street: 1 to 20 characters.
    number: String,
    /// The city: 1 to 100 characters.
    city: String,
    /// The state: 2 to 50 characters; may be empty in countries whose addresses have no state.
    state: String,
    /// The postal code: 3 to 12 characters; empty in countries without postal codes.
    zip_code: String,
    /// The country code (ISO 3166-1 alpha-2).
    country: String,
}

/// A payment method.
#[derive(SimpleObject)]
pub struct PaymentMethod {
    /// Send it as `paymentMethodId` to place an order.
    id: ID,
    /// The kind.
    kind: PaymentMethodKind,
    /// The last four digits, for cards.
    last_four: Option<String>,
    /// The last month in which a card is valid: `2029-12`.
    expiry: Option<String>,
}

/// A kind of payment method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "checkout::PaymentMethodKind")]
pub enum PaymentMethodKind {
    /// A credit card.
    CreditCard,
    /// A debit card.
    DebitCard,
    /// Brazil's instant payment.
    Pix,
}

impl From<orders::Customer> for Customer {
    fn from(customer: orders::Customer) -> Self {
        Self {
            id: customer.id.into(),
            email: customer.email,
            document: customer.document,
            full_name: customer.full_name,
            phone: customer.phone,
            shipping_address: Address::from(customer.shipping_address).into(),
            billing_address: Address::from(customer.billing_address).into(),
            payment_methods: customer.payment_methods.into_iter().map(PaymentMethod::from).map(Immediate).collect(),
            created_at: customer.created_at.into(),
            updated_at: customer.updated_at.into(),
        }
    }
}

impl From<orders::PaymentMethod> for PaymentMethod {
    fn from(method: orders::PaymentMethod) -> Self {
        Self { id: method.id.into(), kind: method.kind.into(), last_four: method.last_four, expiry: method.expiry }
    }
}

impl From<person::Address> for Address {
    fn from(person::Address { street, number, city, state, zip_code, country }: person::Address) -> Self {
        Self { street, number, city, state, zip_code, country }
    }
}

impl From<Address> for person::Address {
    fn from(Address { street, number, city, state, zip_code, country }: Address) -> Self {
        Self { street, number, city, state, zip_code, country }
    }
}

/// All of the user's data as a customer. Never send a card number.
#[derive(InputObject)]
pub struct CustomerInput {
    /// At most 254 characters.
    email: String,
    /// CPF, or CNPJ (the alphanumeric one of 2026, too), with or without punctuation.
    document: String,
    /// 1 to 120 characters.
    full_name: String,
    /// In E.164 format, with `+`.
    phone: Option<String>,
    /// The address for deliveries.
    shipping_address: Address,
    /// The address on invoices. When absent, the shipping address.
    billing_address: Option<Address>,
    /// The payment methods, which replace all earlier ones: 20 at most. When absent, the earlier ones stay.
    payment_methods: Option<Vec<PaymentMethodInput>>,
}

/// A payment method.
#[derive(InputObject)]
pub struct PaymentMethodInput {
    /// The id of one of the customer's payment methods, to keep it.
    id: Option<ID>,
    /// The payment provider's token, never a card number. Required unless `id` is given.
    provider_token: Option<String>,
    /// The kind.
    kind: PaymentMethodKind,
    /// The last four digits, for cards.
    last_four: Option<String>,
    /// The last month in which a card is valid: `2029-12`.
    expiry: Option<String>,
}

impl TryFrom<CustomerInput> for orders::SaveCustomer {
    type Error = Failure;

    fn try_from(input: CustomerInput) -> Result<Self, Failure> {
        let mut wrong = FieldErrors::default();
        let payment_methods = input.payment_methods.map(|methods| {
            let read = |(index, method): (usize, PaymentMethodInput)| method.read(index, &mut wrong);
            methods.into_iter().enumerate().map(read).collect()
        });
        wrong.finish()?;
        Ok(Self {
            email: input.email,
            document: input.document,
            full_name: input.full_name,
            phone: input.phone,
            shipping_address: input.shipping_address.into(),
            billing_address: input.billing_address.map(Into::into),
            payment_methods,
        })
    }
}

impl PaymentMethodInput {
    fn read(self, index: usize, wrong: &mut FieldErrors) -> orders::SavePaymentMethod {
        let id = self.id.map(|id| uuid(&id).ok_or("must be the id of a payment method"));
        orders::SavePaymentMethod {
            id: id.and_then(|id| wrong.take(format!("payment_methods[{index}].id"), id)),
            provider_token: self.provider_token,
            kind: self.kind.into(),
            last_four: self.last_four,
            expiry: self.expiry,
        }
    }
}
