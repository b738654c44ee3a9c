-- What happened to stock. Rows are added and never changed: their sum is the stock.

-- No foreign key to products: a check would lock the product's row at every write, and products are never deleted.
CREATE TABLE product_stock_operations (
    id              uuid NOT NULL,
    product_id      uuid NOT NULL,
    -- The product's version after it: also the order of a product's operations. Has gaps, where other events were.
    product_version bigint NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('increase', 'decrease', 'reserve', 'release')),
    quantity        bigint NOT NULL CHECK (quantity > 0),
    reason          text NOT NULL,
    saga_id         uuid,
    step            text,
    reservation_id  uuid,
    -- The operator who did it; nobody, where an order's saga did.
    actor           uuid,
    at              timestamptz NOT NULL,
    PRIMARY KEY (product_id, product_version)
);

CREATE FUNCTION refuse_to_change_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only added', TG_TABLE_NAME;
END $$;

CREATE TRIGGER product_stock_operations_are_only_added
    BEFORE UPDATE OR DELETE OR TRUNCATE ON product_stock_operations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history();

-- The stock after every hundredth operation of a product: a sum begins there, not at the first one.
CREATE TABLE product_stock_snapshots (
    product_id      uuid NOT NULL,
    product_version bigint NOT NULL,
    operations      bigint NOT NULL,
    on_hand         bigint NOT NULL,
    reserved        bigint NOT NULL,
    at              timestamptz NOT NULL,
    PRIMARY KEY (product_id, product_version)
);
