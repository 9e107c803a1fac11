-- Orders' own copy of the catalog, fed by its events: placing an order asks nobody.
CREATE TABLE products (
  id       uuid PRIMARY KEY,
  name     text    NOT NULL,
  price    bigint  NOT NULL,
  currency char(3) NOT NULL,
  active   boolean NOT NULL,
  -- The version of the product that this is; an older one never overwrites it.
  version  int     NOT NULL
);

-- What lists are served from; rebuilt from events at any time.
CREATE TABLE order_list (
  id        uuid PRIMARY KEY,
  customer  uuid        NOT NULL,
  status    text        NOT NULL,
  total     bigint      NOT NULL,
  currency  char(3)     NOT NULL,
  placed_at timestamptz NOT NULL,
  -- The last version folded in: the next one must be this plus one.
  version   int         NOT NULL
);
CREATE INDEX order_list_of_customer ON order_list (customer, id DESC);
