-- The request that is charged for a response in the background once it has ended: a JSON object.
ALTER TABLE stored_objects ADD COLUMN asked_by TEXT;
