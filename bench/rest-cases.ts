/** One kind of request: what a client sends, and the statement that a bare server would run for it. */
export interface Case {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly target: (n: number) => string;
  readonly body?: (n: number) => string;
  readonly sql: string;
  readonly values: (n: number) => string[];
  /** Its parameter in a script of pgbench. */
  readonly pgbench: string;
}

export const ROWS = 10_000;

export const SETUP = `
create table authors (id int primary key, name text not null, owner text not null default 'u1');
create table books (id int primary key, author_id int not null references authors, title text, price numeric(10,2));
create table pages (id int primary key, book_id int not null references books, body text);
create table log (id bigint generated always as identity primary key, message text, level int);
insert into authors select g, 'author ' || g from generate_series(1, ${ROWS}) g;
insert into books select g, (g % ${ROWS}) + 1, 'book ' || g, g from generate_series(1, 3 * ${ROWS}) g;
insert into pages select g, (g % ${ROWS}) + 1, 'page ' || g from generate_series(1, 3 * ${ROWS}) g;
create index on books (author_id);
create index on pages (book_id);
alter table authors enable row level security;
create policy own on authors using (owner = (select current_setting('request.jwt.claims', true)::json->>'sub'));
create function add_up(a int, b int) returns int language sql immutable as 'select a + b';
grant all on all tables in schema public to anon, authenticated;
analyze;
`;

const page = (rows: string): string => `select coalesce(json_agg(t), '[]')::text from (${rows}) t`;

export const CASES: readonly Case[] = [
  {
    name: 'one row by key',
    method: 'GET',
    target: (n) => `/authors?select=*&id=eq.${(n % ROWS) + 1}`,
    sql: page('select * from authors where id = $1'),
    values: (n) => [String((n % ROWS) + 1)],
    pgbench: ':n',
  },
  {
    name: '100 rows',
    method: 'GET',
    target: (n) => `/authors?select=*&id=gt.${n % 1000}&order=id&limit=100`,
    sql: page('select * from authors where id > $1 order by id limit 100'),
    values: (n) => [String(n % 1000)],
    pgbench: ':n % 1000',
  },
  {
    name: 'embed of two levels',
    method: 'GET',
    target: (n) => `/authors?select=id,name,books(id,title,pages(id,body))&id=eq.${(n % ROWS) + 1}`,
    sql: page(`select a.id, a.name, coalesce(b.b, '[]') as books from authors a left join lateral (select json_agg(b) as b from
      (select b.id, b.title, coalesce(p.p, '[]') as pages from books b left join lateral (select json_agg(p) as p from
        (select id, body from pages where book_id = b.id) p) p on true where b.author_id = a.id) b) b on true where a.id = $1`),
    values: (n) => [String((n % ROWS) + 1)],
    pgbench: ':n',
  },
  {
    name: 'insert',
    method: 'POST',
    target: () => '/log',
    body: (n) => JSON.stringify({ message: `message ${n}`, level: n % 5 }),
    sql: 'insert into log (message, level) select message, level from json_to_record($1::json) as x (message text, level int)',
    values: (n) => [JSON.stringify({ message: `message ${n}`, level: n % 5 })],
    pgbench: `json_build_object('message', 'message ' || :n::int, 'level', :n::int % 5)`,
  },
  {
    name: 'function',
    method: 'POST',
    target: () => '/rpc/add_up',
    body: (n) => JSON.stringify({ a: n, b: 1 }),
    sql: 'select to_json(add_up(a, b))::text from json_to_record($1::json) as x (a int, b int)',
    values: (n) => [JSON.stringify({ a: n, b: 1 })],
    pgbench: `json_build_object('a', :n::int, 'b', 1)`,
  },
];
