//! The commands of the saga that brings an order from placed to confirmed.

use super::commands;
use crate::money::Money;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// So many pieces of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockItem {
    /// The product (soft reference to inventory's products).
    pub inventory_product_id: Uuid,
    /// How many pieces, from 1.
    pub quantity: u32,
}

commands! {
    /// Sets aside all items or none. Refused with `out_of_stock`, `unknown_product`, `undone`.
    /// Answer: [`StockReservedAnswer`].
    ReserveStock = "inventory.stock.reserve" {
        /// The order (soft reference to orders).
        orders_order_id: Uuid,
        /// What is wanted; each product once.
        items: Vec<StockItem>,
    }

    /// Frees what [`ReserveStock`] set aside, or takes back what has left with the order. No answer.
    ReleaseStock = "inventory.stock.release" {
        /// The order (soft reference to orders).
        orders_order_id: Uuid,
    }

    /// Takes money for an order. Refused with `declined` (the provider's reason in the message) or
    /// `undone`. Answer: [`PaymentChargedAnswer`].
    ChargePayment = "payments.payment.charge" {
        /// The order (soft reference to orders).
        orders_order_id: Uuid,
        /// The buyer (soft reference to orders' customers).
        orders_customer_id: Uuid,
        /// The buyer's account (soft reference to auth's users).
        auth_user_id: Uuid,
        amount: Money,
        /// The provider's token for the means of payment.
        provider_token: String,
        /// What kind of means it is.
        method: PaymentMethodKind,
        /// The last four digits of its number, where it has one.
        last_four: Option<String>,
    }

    /// Gives back everything that [`ChargePayment`] took; settles first whether it took anything. No answer.
    RefundPayment = "payments.payment.refund" {
        /// The order (soft reference to orders).
        orders_order_id: Uuid,
    }
}

/// A kind of means of payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum PaymentMethodKind {
    /// A credit card.
    CreditCard,
    /// A debit card.
    DebitCard,
    /// Brazil's instant payment.
    Pix,
}

/// What [`ReserveStock`] answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReservedAnswer {
    pub reservation_id: Uuid,
}

/// What [`ChargePayment`] answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentChargedAnswer {
    pub payment_id: Uuid,
}
