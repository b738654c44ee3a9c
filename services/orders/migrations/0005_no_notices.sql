-- Whoever watches an order is told by looks at its version: transactions that notify commit one after the other.
DROP TRIGGER orders_changed ON orders;
DROP FUNCTION orders_changed();
