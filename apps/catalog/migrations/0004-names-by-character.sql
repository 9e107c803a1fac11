-- Names are compared by their characters' numbers wherever this runs: a cursor continues, and a prefix is found, in the same order on every
-- server. Where the database was made with that order (as ours are) this only rewrites the index.
ALTER TABLE products ALTER COLUMN name TYPE text COLLATE "C";
