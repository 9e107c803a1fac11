-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS products_by_price ON products (price, id);
