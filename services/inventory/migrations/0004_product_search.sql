-- Finds pieces of names and SKUs, from three characters on, without reading every product.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX products_search ON products USING gin (search gin_trgm_ops);
