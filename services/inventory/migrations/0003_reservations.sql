-- What steps of orders' sagas set aside, and what was answered to requests that may come again.

CREATE TABLE reservations (
    id              uuid PRIMARY KEY,
    saga_id         uuid NOT NULL,
    step            text NOT NULL,
    orders_order_id uuid NOT NULL,
    status          text NOT NULL CONSTRAINT reservations_status_is_known CHECK (
        status IN ('open', 'fulfilled', 'released', 'expired', 'short', 'refused', 'tombstone')),
    -- Two arrays in place of a table of items: one row and one index fewer to write per order.
    product_ids     uuid[] NOT NULL,
    quantities      bigint[] NOT NULL,
    -- What was answered, where it was refused.
    refusal_code    text,
    refusal_message text,
    expires_at      timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT reservations_saga_step_key UNIQUE (saga_id, step),
    CONSTRAINT reservations_items_have_quantities CHECK (cardinality(product_ids) = cardinality(quantities)),
    CONSTRAINT reservations_refusal_has_a_reason CHECK ((status = 'refused') = (refusal_code IS NOT NULL)),
    CONSTRAINT reservations_open_ones_expire CHECK (status <> 'open' OR expires_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX reservations_expiring ON reservations (expires_at) WHERE status = 'open';
CREATE INDEX reservations_short ON reservations (id) WHERE status = 'short';

CREATE TABLE idempotency_keys (
    user_id    uuid NOT NULL,
    operation  text NOT NULL,
    key        text NOT NULL,
    -- The request as it was read: another one with the same key is refused.
    request    text NOT NULL,
    answer     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, operation, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
