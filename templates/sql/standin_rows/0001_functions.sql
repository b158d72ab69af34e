-- Functions that all values of the stand-in's rows come from: hashes of the row's number, never random() or now(), so
-- that a seed always makes the same bytes. Ids do not depend on the seed: tests name rows by id. Dropped when done.
create schema standin;

create function standin.id(kind text, n bigint) returns uuid language sql immutable as $body$
  select overlay(overlay(md5(kind || '/' || n) placing '4' from 13 for 1) placing 'a' from 17 for 1)::uuid
$body$;

-- 0 to 2^63 - 1.
create function standin.h(n bigint, tag text) returns bigint language sql immutable as $body$
  select hashint8extended(n, hashtextextended(tag, {{seed}}::bigint)) & 9223372036854775807
$body$;

-- Between 2025-09-26 and 2026-03-01, microseconds and all.
create function standin.at(n bigint, tag text) returns timestamptz language sql immutable as $body$
  select timestamptz '2025-09-26 08:00:00+00' + (standin.h(n, tag) % 13478400000000) * interval '1 microsecond'
$body$;

create function standin.words(n bigint, tag text) returns text language sql immutable as $body$
  select w[1 + h % 32] || ' ' || w[1 + (h >> 5) % 32] || ' ' || w[1 + (h >> 10) % 32] || ' ' || w[1 + (h >> 15) % 32]
  from (
    select standin.h(n, tag) as h, string_to_array(
      'amber anvil arrow basil beacon birch canyon cedar comet copper coral crystal dawn delta ember falcon ' ||
      'garnet glacier harbor indigo jasper lantern lotus maple meadow nebula onyx orchid pepper quartz raven willow', ' ') as w
  ) as x
$body$;

-- One of the texts that copies stumble over.
create function standin.nasty(n bigint) returns text language sql immutable as $body$
  select {{nasty}}::jsonb ->> (n % jsonb_array_length({{nasty}}::jsonb))::integer
$body$;
