-- Orders: their events are the truth, all else here can be made anew from them.

CREATE TABLE order_events (
    order_id       uuid NOT NULL,
    -- From 1, without gaps; appending one that is there is how writers learn that they were too late.
    version        bigint NOT NULL CHECK (version > 0),
    type           text NOT NULL,
    -- Of the data; old ones are lifted when they are read, never rewritten.
    schema_version integer NOT NULL,
    data           jsonb NOT NULL,
    at             timestamptz NOT NULL,
    causation_id   uuid,
    correlation_id text,
    CONSTRAINT order_events_pkey PRIMARY KEY (order_id, version)
);

CREATE FUNCTION order_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events of orders are neither changed nor deleted';
END $$;
CREATE TRIGGER order_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION order_events_stay();

-- The state after every hundredth event.
CREATE TABLE order_snapshots (
    order_id uuid NOT NULL,
    version  bigint NOT NULL,
    -- Of the state; one that is not today's is passed over.
    schema_version integer NOT NULL,
    state    jsonb NOT NULL,
    -- When the event of this version happened.
    at       timestamptz NOT NULL,
    PRIMARY KEY (order_id, version)
);

-- The state now, written in the transaction of the event: for lists.
CREATE TABLE orders (
    id           uuid PRIMARY KEY,
    customer_id  uuid NOT NULL REFERENCES customers,
    auth_user_id uuid NOT NULL,
    status       text NOT NULL,
    version      bigint NOT NULL,
    state        jsonb NOT NULL
);
-- Ids grow with time (UUIDv7): their order is the order of placing.
CREATE INDEX orders_of_buyer ON orders (auth_user_id, id DESC);
CREATE INDEX orders_of_buyer_by_status ON orders (auth_user_id, status, id DESC);
CREATE INDEX orders_open ON orders (customer_id) WHERE status IN ('pending', 'confirmed', 'shipped');

-- Whoever watches an order hears of its changes, in every process.
CREATE FUNCTION orders_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('orders_changed', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER orders_changed AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION orders_changed();

-- What was answered to a request, in case it comes again.
CREATE TABLE idempotency_keys (
    auth_user_id uuid NOT NULL,
    operation    text NOT NULL,
    key          text NOT NULL,
    -- SHA-256 of the request's canonical body.
    fingerprint  bytea NOT NULL CHECK (length(fingerprint) = 32),
    answer       jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (auth_user_id, operation, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
