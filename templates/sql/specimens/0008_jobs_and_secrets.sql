-- What the owner keeps in the platform's extensions. Rows with fixed ids and times: a seed makes the same bytes.

insert into cron.job (jobid, schedule, command, database, username, active, jobname) values
  (1, '0 3 * * *', 'select public.cleanup_expired_commission_overrides()', 'postgres', 'postgres', true, 'nightly cleanup'),
  (2, '30 seconds', $$select net.http_post('https://hooks.example.com/tick', '{"a": "it''s"}')$$, 'postgres', 'postgres', false, 'tick');
select setval('cron.jobid_seq', 2);
insert into cron.job_run_details (jobid, runid, database, username, command, status, start_time, end_time) values
  (1, 1, 'postgres', 'postgres', 'select public.cleanup_expired_commission_overrides()', 'succeeded', '2026-02-28 03:00:00+00', '2026-02-28 03:00:01+00');

insert into vault.secrets (id, name, description, secret, created_at, updated_at) values
  ('b1b1b1b1-0000-4000-8000-000000000001', 'stripe_key', 'live', encode('sk_live_stand_in', 'base64'), '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00'),
  ('b1b1b1b1-0000-4000-8000-000000000002', null, '', encode('it''s "nameless"', 'base64'), '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00');
