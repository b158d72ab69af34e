-- One column for each type, and the values of each that text, binary or a driver loses.
set local role postgres;

create table app_private.type_zoo (
  id integer primary key,
  a_bool boolean, a_int2 smallint, a_int8 bigint, a_numeric numeric, a_float4 real, a_float8 double precision,
  a_money money, a_char "char", a_bpchar char(6), a_varchar varchar(12), a_name name, a_text text, a_bytea bytea,
  a_date date, a_time time, a_timetz timetz, a_timestamp timestamp, a_timestamptz timestamptz, an_interval interval,
  a_uuid uuid, a_json json, a_jsonb jsonb, a_jsonpath jsonpath, an_xml xml,
  a_bit bit(5), a_varbit varbit, an_inet inet, a_cidr cidr, a_macaddr macaddr, a_macaddr8 macaddr8,
  a_point point, a_line line, an_lseg lseg, a_box box, a_path path, a_polygon polygon, a_circle circle,
  a_tsvector tsvector, a_tsquery tsquery, a_pg_lsn pg_lsn, an_oid oid, a_regtype regtype,
  an_int4range int4range, a_nummultirange nummultirange, a_daterange daterange,
  some_ints integer[], some_texts text[], a_matrix integer[][], some_json jsonb[], some_bytes bytea[]
);

insert into app_private.type_zoo values
  (1, true, -32768, -9223372036854775808, -0.0, '-0', '-0', '-92233720368547758.08', 'x', 'ab', 'ab ', 'a name', E'\\', '\x00ff5c',
   '-infinity', '00:00', '00:00:00+15:59', '-infinity', '-infinity', '-178000000 years',
   '00000000-0000-0000-0000-000000000000', '{"a":1,  "a":2.0 }', '{"a": 1.0}', '$.a[*] ? (@ > 1)', '<a>&lt;&#13;</a>',
   B'00000', B'', '::/0', '10.0.0.0/8', '00:00:00:00:00:00', '00:00:00:ff:fe:00:00:00',
   '(-0,1e-300)', '{1,-1,0}', '[(0,0),(1,1)]', '(2,2),(1,1)', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0,0),0>',
   $$'it''s' 'a b':1A,2B cat:3$$, $$'a' & !'b' <-> 'c':*$$, '0/0', 0, 'integer',
   'empty', '{}', '(,)', '{}', '{}', '{}', '{}', '{}'),
  (2, false, 32767, 9223372036854775807, 'NaN', 'NaN', 'NaN', '92233720368547758.07', '', '      ', '', '', '', '',
   'infinity', '24:00', '24:00:00-15:59', 'infinity', 'infinity', '178000000 years',
   'ffffffff-ffff-ffff-ffff-ffffffffffff', 'null', 'null', 'strict $', '',
   B'11111', B'1', '255.255.255.255', '::1/128', 'ff:ff:ff:ff:ff:ff', 'ff:ff:ff:ff:ff:ff:ff:ff',
   '(Infinity,NaN)', '{0,1,-1.5}', '[(1,1),(0,0)]', '(Infinity,Infinity),(-Infinity,-Infinity)', '((0,0),(1,1))', '((0,0))', '<(1.1,2.2),3.3>',
   '', '', 'FFFFFFFF/FFFFFFFF', 4294967295, 'text[]',
   '(,5)', '{[1.0,2.00),(3,)}', '[2025-09-26,infinity]', '{NULL,1}', '{NULL,"NULL",""}', '{{1,2},{3,NULL}}', '{null,"{}",NULL}', '{NULL,"\\x00"}'),
  (3, null, 0, 0, '1e-16383', '1.17549435e-38', '5e-324', 0, 'é'::bytea::text::"char", 'a', 'ünï', 'x', E'\r\n\t\b\f\v', '\xdeadbeef',
   '4713-01-01 BC', '23:59:59.999999', '12:00:00.000001-01:30', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '1 mon -1 day +00:00:00.000001',
   '723fa8c7-f436-4521-a5e3-81f74ee35761', '[1.10, 1e2, "\u00e9"]', '[1.10, 1e2, "\u00e9"]', '$', '<!-- c --><a b="c"/>',
   B'10101', B'101010101', '192.168.0.1/24', '0.0.0.0/0', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
   '(0.1,0.2)', '{0.1,0.2,0.3}', '[(0.1,0.2),(0.3,0.4)]', '(0.3,0.4),(0.1,0.2)', '[(0.1,0.2)]', '((0.1,0.2),(0.3,0.4))', '<(0.1,0.2),0.30000000000000004>',
   'fat:2,4 rat:3', '!fat | (rat & cat)', '16/B374D848', 1, 'app_private.mood',
   '[1,1]', '{[NaN,NaN]}', 'empty', '[-2:0]={1,2,3}', E'{"a\\"b","c\\\\d","{e}","f,g"," h "}', '[0:1][5:6]={{1,2},{3,4}}', '{}', '{}'),
  (4, null, null, null, '0.1000', '3.4028235e+38', '1.7976931348623157e+308', null, null, null, null, null, null, null,
   '5874897-12-31', null, null, '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '00:00:00',
   null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null, null, null),
  (5, null, null, null, '0.1', '0.3', '0.1', null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null, null, null),
  (6, null, null, null, '99999999999999999999999999999999.99999999999999999999', '-Infinity', '0.30000000000000004', null, null, null, null, null, null, null,
   null, null, null, null, null, null,
   null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null, null, null);
