-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS order_list_by_total ON order_list (customer, total, id);
