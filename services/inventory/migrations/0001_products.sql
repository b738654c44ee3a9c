-- Products, and what is there of each.

CREATE TABLE products (
    id          uuid PRIMARY KEY,
    sku         text NOT NULL CHECK (length(sku) BETWEEN 1 AND 64),
    name        text NOT NULL,
    description text,
    price_minor bigint NOT NULL CONSTRAINT products_price_is_not_negative CHECK (price_minor >= 0),
    currency    text NOT NULL CHECK (length(currency) = 3),
    active      boolean NOT NULL,
    -- Name and SKU in lower case, made by the service: the database's own rules for letters depend on its locale.
    search      text NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX products_sku_key ON products (lower(sku));

-- The projection: the sum of each product's operations. Its row is what everybody locks who changes a product or its
-- stock, in the order of ids, and it counts the events of the subject: product and stock share one version.
CREATE TABLE product_stock (
    product_id uuid PRIMARY KEY REFERENCES products,
    version    bigint NOT NULL CHECK (version > 0),
    operations bigint NOT NULL DEFAULT 0,
    on_hand    bigint NOT NULL DEFAULT 0,
    reserved   bigint NOT NULL DEFAULT 0,
    CONSTRAINT product_stock_is_never_below_zero CHECK (reserved >= 0 AND on_hand >= reserved)
    -- Room in each page, so that an update needs no new entry in the index.
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
