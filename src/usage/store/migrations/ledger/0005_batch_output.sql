-- The batch that has written a file, so that it is not deleted before it is read.
ALTER TABLE stored_objects ADD COLUMN batch TEXT;
