//! The commands of the saga that deletes an account.

use super::commands;
use uuid::Uuid;

commands! {
    /// Makes all links of a user lead nowhere. No answer.
    DisableLinks = "shortener.links.disable" {
        /// The user (soft reference to auth's users).
        auth_user_id: Uuid,
    }

    /// Makes the links that [`DisableLinks`] disabled lead where they led. No answer.
    EnableLinks = "shortener.links.enable" {
        /// The user (soft reference to auth's users).
        auth_user_id: Uuid,
    }

    /// Hides the statistics of a user's links from everybody. No answer.
    DetachStatistics = "analytics.statistics.detach" {
        /// The user (soft reference to auth's users).
        auth_user_id: Uuid,
    }

    /// Shows again what [`DetachStatistics`] hid. No answer.
    AttachStatistics = "analytics.statistics.attach" {
        /// The user (soft reference to auth's users).
        auth_user_id: Uuid,
    }

    /// Destroys the data key of the user's customer: cannot be undone. Done, too, when the user is no
    /// customer. Refused with `open_orders` while an order of the customer is under way. No answer.
    EraseCustomer = "orders.customer.erase" {
        /// The user (soft reference to auth's users).
        auth_user_id: Uuid,
    }
}
