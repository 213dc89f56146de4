-- The backend that has a stored object.
ALTER TABLE stored_objects ADD COLUMN backend TEXT;
