-- Payments, refunds, and the calls to the provider that are not settled yet.

CREATE TABLE payments (
    id                 uuid PRIMARY KEY,
    saga_id            uuid NOT NULL,
    step               text NOT NULL,
    status             text NOT NULL,
    orders_order_id    uuid NOT NULL,
    -- Null in a tombstone only: a row that its compensation left before the command came.
    orders_customer_id uuid,
    auth_user_id       uuid,
    amount_minor       bigint,
    currency           text,
    method             text,
    last_four          text,
    provider_charge_id text,
    decline_reason     text,
    refunded_minor     bigint NOT NULL DEFAULT 0,
    -- Of the last event.
    version            bigint NOT NULL DEFAULT 0,
    -- The newest command, and the newest compensation: where replies go.
    charge_step        jsonb,
    undo_step          jsonb,
    -- The trace, the request and the message that outcomes belong to.
    traceparent        text,
    correlation_id     text,
    causation_id       uuid,
    created_at         timestamptz NOT NULL DEFAULT now(),
    settled_at         timestamptz,
    CONSTRAINT payments_saga_step_key UNIQUE (saga_id, step),
    CONSTRAINT payments_status_is_known CHECK (status IN ('pending', 'captured', 'declined', 'undone')),
    CONSTRAINT payments_refunds_do_not_exceed CHECK (
        refunded_minor = 0 OR (status = 'captured' AND refunded_minor BETWEEN 0 AND amount_minor)),
    CONSTRAINT payments_captured_has_a_charge CHECK (status <> 'captured' OR provider_charge_id IS NOT NULL),
    CONSTRAINT payments_only_tombstones_are_bare CHECK (
        status = 'undone'
        OR num_nulls(orders_customer_id, auth_user_id, amount_minor, currency, method, charge_step) = 0)
);
CREATE INDEX payments_orders_order_id ON payments (orders_order_id);
CREATE INDEX payments_orders_customer_id ON payments (orders_customer_id);

CREATE TABLE refunds (
    id                 uuid PRIMARY KEY,
    payment_id         uuid NOT NULL REFERENCES payments,
    kind               text NOT NULL CHECK (kind IN ('compensation', 'operator')),
    status             text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    amount_minor       bigint NOT NULL CHECK (amount_minor > 0),
    reason             text NOT NULL,
    requested_by       uuid,
    idempotency_key    text,
    provider_refund_id text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    settled_at         timestamptz,
    CONSTRAINT refunds_idempotency_key UNIQUE (requested_by, idempotency_key),
    CONSTRAINT refunds_operators_have_keys CHECK (
        kind = 'compensation' OR (requested_by IS NOT NULL AND idempotency_key IS NOT NULL))
);
CREATE INDEX refunds_payment_id ON refunds (payment_id);

-- What is to be called, or was and the outcome is not known. Deleted with the outcome, the token with it.
CREATE TABLE provider_calls (
    -- The payment's for a charge, the refund's for a refund.
    id             uuid PRIMARY KEY,
    payment_id     uuid NOT NULL REFERENCES payments,
    kind           text NOT NULL CHECK (kind IN ('charge', 'refund')),
    provider_token text CHECK (kind = 'charge' OR provider_token IS NULL),
    -- Whether a call may have reached the provider: then it is asked before it is called again.
    begun          boolean NOT NULL,
    tries          integer NOT NULL,
    due_at         timestamptz NOT NULL DEFAULT now(),
    created_at     timestamptz NOT NULL DEFAULT now(),
    lease          uuid,
    leased_until   timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX provider_calls_due_at ON provider_calls (due_at);
CREATE INDEX provider_calls_payment_id ON provider_calls (payment_id);

-- Webhooks that had an effect.
CREATE TABLE provider_events (
    event_id    text PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX provider_events_received_at ON provider_events (received_at);

-- Customers of whom nothing may be kept any more, also when it comes late.
CREATE TABLE erased_customers (
    orders_customer_id uuid PRIMARY KEY,
    erased_at          timestamptz NOT NULL
);
