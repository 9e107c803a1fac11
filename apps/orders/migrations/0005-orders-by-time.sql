-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS order_list_by_time ON order_list (customer, placed_at, id);
