//! Customers, orders, and the saga that brings an order from placed to confirmed.
