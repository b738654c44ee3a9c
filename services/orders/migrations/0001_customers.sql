-- Customers. Personal data stand here only sealed, under a key of the customer's own: without its row in
-- customer_keys nobody reads them any more, here or in any copy, log or backup of a queue.

CREATE TABLE customers (
    id           uuid PRIMARY KEY,
    auth_user_id uuid NOT NULL CONSTRAINT customers_auth_user_id_key UNIQUE,
    -- A Person as JSON: nonce, ciphertext, tag (AES-256-GCM; additional data: the id).
    person       bytea,
    -- 0 for a user who was erased without ever having been a customer.
    version      bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    erased_at    timestamptz,
    CONSTRAINT customers_erased_hold_nothing CHECK ((person IS NULL) = (erased_at IS NOT NULL))
);

-- The data key of each customer, wrapped by the configured key. Its destruction is the erasure.
CREATE TABLE customer_keys (
    customer_id uuid PRIMARY KEY REFERENCES customers,
    id          uuid NOT NULL UNIQUE,
    wrapped     bytea NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE TABLE payment_methods (
    id          uuid PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES customers,
    -- In the order of the customer.
    position    integer NOT NULL,
    -- Token, kind, last four digits and expiry as JSON, sealed (additional data: the customer's id and this one).
    sealed      bytea NOT NULL
);
CREATE INDEX payment_methods_customer_id ON payment_methods (customer_id, position);
