-- What is for sale, and how much of it there is. Stock lives in the product's row, so that one row lock decides who gets the last item.
CREATE TABLE products (
  id          uuid    NOT NULL,
  sku         text    NOT NULL,
  -- Bounded in bytes, because a page cursor carries it.
  name        text    NOT NULL CONSTRAINT products_name CHECK (octet_length(name) BETWEEN 1 AND 120),
  description text    NOT NULL,
  -- Integer minor units (cents).
  price       integer NOT NULL CONSTRAINT products_price CHECK (price >= 0),
  currency    text    NOT NULL CONSTRAINT products_currency CHECK (currency ~ '^[A-Z]{3}$'),
  active      boolean NOT NULL DEFAULT true,
  -- Counts what is announced as product-changed; stock moves without it.
  version     integer NOT NULL DEFAULT 1 CONSTRAINT products_version CHECK (version >= 1),
  initial     integer NOT NULL,
  free        integer NOT NULL CONSTRAINT products_free CHECK (free >= 0),
  reserved    integer NOT NULL DEFAULT 0 CONSTRAINT products_reserved CHECK (reserved >= 0),
  sold        integer NOT NULL DEFAULT 0 CONSTRAINT products_sold CHECK (sold >= 0),
  CONSTRAINT products_pkey PRIMARY KEY (id),
  CONSTRAINT products_sku UNIQUE (sku),
  -- Nothing is lost and nothing appears: whatever moves stock moves it from one of these to another.
  CONSTRAINT products_stock CHECK (free + reserved + sold = initial)
) WITH (
  -- Every order rewrites the stock of its products: room on the page keeps those updates out of the indexes (HOT).
  fillfactor = 70
);
-- The order in which people leaf through the shop; a page continues after (name, id).
CREATE INDEX products_by_name ON products (name, id);
