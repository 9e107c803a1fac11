-- What each order holds, or held. `version` numbers the answers about an order from 1, without gaps.
CREATE TABLE reservations (
  order_id uuid    NOT NULL,
  -- refused: never held anything. released without lines: a tombstone, left by a release that came before its reservation.
  status   text    NOT NULL CONSTRAINT reservations_status CHECK (status IN ('reserved', 'refused', 'released', 'committed')),
  version  integer NOT NULL CONSTRAINT reservations_version CHECK (version >= 1),
  CONSTRAINT reservations_pkey PRIMARY KEY (order_id)
) WITH (fillfactor = 80);

-- The lines of what was granted; a refused reservation has none.
CREATE TABLE reservation_lines (
  order_id   uuid    NOT NULL,
  product_id uuid    NOT NULL,
  quantity   integer NOT NULL CONSTRAINT reservation_lines_quantity CHECK (quantity > 0),
  CONSTRAINT reservation_lines_pkey PRIMARY KEY (order_id, product_id),
  CONSTRAINT reservation_lines_reservation FOREIGN KEY (order_id) REFERENCES reservations (order_id),
  -- Products are taken off sale (active = false), never deleted: the other side needs no index.
  CONSTRAINT reservation_lines_product FOREIGN KEY (product_id) REFERENCES products (id)
);
