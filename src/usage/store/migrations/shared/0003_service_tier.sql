-- The service tier that answered; what was written before says none.
ALTER TABLE usage_records ADD COLUMN service_tier TEXT;

ALTER TABLE usage_daily ADD COLUMN service_tier TEXT NOT NULL DEFAULT '';
ALTER TABLE usage_daily DROP CONSTRAINT usage_daily_pkey;
ALTER TABLE usage_daily ADD PRIMARY KEY (day, client, labels, end_user, product, operation, deployment, model, backend, region, source, price, currency, service_tier);
