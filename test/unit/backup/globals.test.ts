import { expect, test } from 'vitest';
import { missingRoles } from '../../../src/operator/backup/dump/globals.ts';

const SQL = `--
SET default_transaction_read_only = off;
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER PASSWORD 'SCRAM-SHA-256$x';
CREATE ROLE "Odd ""one""";
ALTER ROLE "Odd ""one""" WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$y';
ALTER ROLE seller SET search_path TO 'public';
GRANT seller TO postgres WITH INHERIT TRUE GRANTED BY postgres;
GRANT postgres TO "Odd ""one""" GRANTED BY postgres;
CREATE TABLESPACE fast OWNER postgres LOCATION '/mnt';
`;

test('of the roles of a dump only those are made that are not there', () => {
  expect(missingRoles(SQL, new Set(['postgres', 'seller']))).toEqual([
    'CREATE ROLE "Odd ""one""";',
    `ALTER ROLE "Odd ""one""" WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$y';`,
    'GRANT postgres TO "Odd ""one""" GRANTED BY postgres;',
  ]);
  expect(missingRoles(SQL, new Set(['postgres', 'seller', 'Odd "one"']))).toEqual([]);
});
