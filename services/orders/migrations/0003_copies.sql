-- Copies of what others own, kept by their events.

CREATE TABLE products (
    id       uuid PRIMARY KEY,
    name     text NOT NULL,
    minor    bigint NOT NULL,
    currency text NOT NULL,
    active   boolean NOT NULL,
    version  bigint NOT NULL
);

-- Whose link a code is, and was when it is deleted: codes are never given out again.
CREATE TABLE links (
    code             text PRIMARY KEY,
    shortener_url_id uuid NOT NULL,
    auth_user_id     uuid NOT NULL,
    deleted_at       timestamptz
);

-- What was read from the log of events, to its end.
CREATE TABLE histories (
    name    text PRIMARY KEY,
    read_at timestamptz NOT NULL DEFAULT now()
);

-- What links sold: confirmed orders that were not cancelled after.
CREATE TABLE link_sales (
    code     text NOT NULL,
    currency text NOT NULL,
    -- Spreads the orders of one link over several rows, so that they do not wait for each other.
    slot     smallint NOT NULL,
    orders   bigint NOT NULL,
    minor    numeric NOT NULL,
    PRIMARY KEY (code, currency, slot)
);
