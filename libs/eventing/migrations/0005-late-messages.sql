-- Where a waiting message stands in its key's stream, if it says so: one that was lost and is sent again goes before those it precedes, which have
-- been waiting for it.
ALTER TABLE parked_messages ADD COLUMN sequence int;

-- Old rows of the inbox are forgotten from the front and their pages used again, so a page gets to hold rows of all ages, and a block range
-- index would say nothing any more.
DROP INDEX inbox_handled_at;
CREATE INDEX inbox_handled_at ON inbox (consumer, handled_at);
