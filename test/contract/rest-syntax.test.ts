import { afterAll, beforeAll, describe } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { testCases, type Cases } from '../support/rest-cases.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public'], maxRows: 0 },
  });
});
afterAll(() => server?.stop());
const cases = (list: Cases): void => testCases(() => server, list);
const ids = (...list: number[]) => list.map((id) => ({ id }));
/** Ids of the samples that a filter finds. */
const finds = (filter: string, ...list: number[]) => ({
  ask: `/samples?select=id&order=id&${filter}`,
  json: ids(...list),
});
const wrong = (target: string, message: string, details: string) => ({
  ask: target,
  status: 400,
  json: { code: 'PGRST100', message, details, hint: null },
});

describe('select', () => {
  cases({
    'names, spaces, renaming, casts': [
      { ask: '/samples?select= id , n:num::text,  feeling &id=eq.1', json: [{ id: 1, n: '1.50', feeling: 'good' }] },
      {
        ask: '/samples?select=%22odd%20name%22,%22a.b%22,odd%20name,select,with-dash,$cash&id=eq.1',
        json: [{ 'odd name': 'o1', 'a.b': 'dot', select: 1, 'with-dash': 7, $cash: 9 }],
      },
      {
        ask: '/samples?select=big,big::text,moment::date&id=eq.1',
        text: '[{"big":9007199254740993,"big":"9007199254740993","moment":"2026-01-01"}]',
      },
      { ask: '/samples?select=num::INTEGER,ints::_text&id=eq.1', json: [{ num: 2, ints: ['1', '2', '3'] }] },
      { ask: '/samples?select=id::nothing', error: { code: '42704', message: 'type "nothing" does not exist' } },
      { ask: '/samples?select=', status: 200 },
      { ask: '/samples?select=nope', error: { code: '42703', message: 'column samples.nope does not exist' } },
    ],
    'into JSON, arrays and composites': [
      {
        ask: '/samples?select=jsonb_->a->b->0,json_->>k-ey,x:json_->a->b->>-1&id=eq.1',
        json: [{ b: 1, 'k-ey': '5', x: '2' }],
      },
      { ask: '/samples?select=json_->!@%23$%25^%26*_d->>e::int&id=eq.1', json: [{ e: 3 }] },
      { ask: '/samples?select=jsonb_->0,jsonb_->>2&id=eq.2', text: '[{"jsonb_":10,"jsonb_":"30"}]' },
      {
        ask: '/samples?select=ints->0,grid->1->>0,pair->x,y:pair->>y&id=eq.1',
        json: [{ ints: 1, grid: '3', x: 1, y: '2' }],
      },
      { ask: '/samples?select=jsonb_->%22a%22->%22b%22->1&id=eq.1', json: [{ b: 2 }] },
      {
        ask: '/samples?select=json_->>a->b',
        status: 404,
        error: { code: '42883', message: 'operator does not exist: text -> unknown' },
      },
    ],
  });
});

describe('filters', () => {
  cases({
    comparison: [
      finds('id=eq.1', 1),
      finds('id=neq.1', 2, 3, 4),
      finds('id=gt.3', 4),
      finds('id=gte.3', 3, 4),
      finds('id=lt.2', 1),
      finds('id=lte.2', 1, 2),
      finds('id=not.eq.1', 2, 3, 4),
      finds('id=gt.1&id=lt.4', 2, 3),
    ],
    text: [
      finds('text_=like.one*', 1),
      finds('text_=like.ONE*'),
      finds('text_=ilike.ONE*', 1),
      finds('text_=match.^s.y', 2),
      finds('text_=imatch.^S', 2),
      finds('text_=eq.', 4),
      finds('text_=not.like.*o*', 4),
    ],
    'any and all': [
      finds('id=eq(any).{1,3}', 1, 3),
      finds('id=gt(all).{1,2}', 3, 4),
      finds('text_=like(any).{one*,say*}', 1, 2),
      finds('text_=ilike(all).{*O*,*NE*}', 1),
      finds('id=not.eq(any).{1,3}', 2, 4),
      finds('text_=match(any).{^o,^s}', 1, 2),
    ],
    lists: [
      finds('id=in.(1,3)', 1, 3),
      finds('id=in.()'),
      finds('id=not.in.()', 1, 2, 3, 4),
      finds('id=in.( 1,3 )', 1, 3),
      finds('text_=in.("one, two")', 1),
      finds('text_=in.("say \\"hi\\" (now)",x)', 2),
      finds('text_=in.(one)'),
      { ask: '/samples?select=id&id=in.( ,3)', error: { code: '22P02' } },
    ],
    'spaces in lists belong to values': [
      finds('feeling=in.(good)', 1),
      { ask: '/labels?select=id&name=in.(blue, red)', json: ids(2) },
      { ask: '/labels?select=id&name=in.(blue,red)&order=id', json: ids(1, 2) },
    ],
    'null and truth': [
      finds('flag=is.null', 3, 4),
      finds('flag=is.NULL', 3, 4),
      finds('flag=is.true', 1),
      finds('flag=is.fAlSe', 2),
      finds('flag=is.unknown', 3, 4),
      finds('flag=is.not_null', 1, 2),
      finds('flag=not.is.null', 1, 2),
      finds('flag=not.is.not_null', 3, 4),
    ],
    distinct: [finds('flag=isdistinct.true', 2, 3, 4), finds('flag=not.isdistinct.true', 1)],
    'arrays, ranges, JSON': [
      finds('ints=cs.{1,2}', 1),
      finds('ints=cd.{1,2,3,4}', 1, 2, 4),
      finds('ints=ov.{4,9}', 2),
      finds('ints=eq.{4}', 2),
      finds('span=sl.[6,7]', 1),
      finds('span=sr.[0,2)', 2),
      finds('span=nxr.[0,5]', 1),
      finds('span=nxl.[5,6]', 2),
      finds('span=adj.[9,10]', 2),
      finds('span=cs.[2,3]', 1),
      finds('jsonb_=cs.{"k-ey":5}', 1),
      finds('jsonb_=eq.[10,20,30]', 2),
    ],
    'text search': [
      finds('words=fts.cat', 1),
      finds('words=fts(english).cats', 1),
      finds('words=plfts.fat cat', 1),
      finds('words=phfts.fat cats', 1),
      finds('words=wfts(english).cats or dogs', 1, 2),
      finds('words=not.fts(english).cats', 2, 4),
      finds('text_=fts(simple).one', 1),
      finds('jsonb_=fts.x'),
      finds('or=(words.fts(english).dogs,words.plfts(english).cats)', 1, 2),
    ],
    'steps into values': [
      finds('jsonb_->a->b->>0=eq.1', 1),
      finds('jsonb_->>k-ey=eq.5', 1),
      finds('json_->!@%23$%25^%26*_d->>e=eq.3', 1),
      finds('jsonb_->0=eq.10', 2),
      finds('ints->>0=eq.4', 2),
      finds('pair->x=gt.2', 2),
      finds('jsonb_->-1=eq.30', 2),
    ],
    'odd names': [
      finds('%22odd%20name%22=eq.o1', 1),
      finds('odd%20name=eq.o1', 1),
      finds('%22a.b%22=eq.dot', 1),
      finds('with-dash=eq.7', 1),
      finds('$cash=gt.1', 1),
    ],
    trees: [
      finds('or=(id.eq.1,id.eq.3)', 1, 3),
      finds('and=(id.gt.1,id.lt.4)', 2, 3),
      finds('not.or=(id.eq.1,id.eq.3)', 2, 4),
      finds('not.and=(id.gt.1,id.lt.4)', 1, 4),
      finds('or=(and(id.eq.1,flag.is.true),not.and(id.lt.4,id.gt.0))', 1, 4),
      finds('or=( id.eq.1 , and( id.gt.2 , id.lt.4 ) )', 1, 3),
      finds('or=(text_.eq."one, two",text_.like."say*(now)")', 1, 2),
      finds('or=(ints.cs.{1,2},ints.ov.{4})', 1, 2),
      finds('or=(id.in.(1,2),id.not.in.(1,2,3))', 1, 2, 4),
      finds('or=(jsonb_->>k-ey.eq.5,id.eq.4)', 1, 4),
      finds('and=(id.eq.1,id.neq.2))', 1),
    ],
    'a closing word is no filter': [finds('id=in.(1,3)x', 1, 3), finds('flag=is.truely', 1)],
  });
});

describe('order', () => {
  cases({
    'directions and nulls': [
      { ask: '/samples?select=id&order=num.asc.nullsfirst,id.desc', json: ids(4, 3, 2, 1) },
      { ask: '/samples?select=id&order=text_.desc.nullslast', json: ids(2, 1, 4, 3) },
      { ask: '/samples?select=id&order=num.nullslast,id', json: ids(1, 2, 3, 4) },
      { ask: '/samples?select=id&order=jsonb_->>k-ey.desc.nullslast,id', json: ids(1, 2, 3, 4) },
      { ask: '/samples?select=id&order=%22a.b%22.desc.nullslast, id.desc', json: ids(1, 4, 3, 2) },
      { ask: '/samples?select=id&order=', status: 400 },
    ],
  });
});

describe('what cannot be parsed, in words', () => {
  const order = (text: string) => `/samples?order=${text}`;
  cases({
    order: [
      wrong(
        order('id.asc.nullslasttt'),
        '"failed to parse order (id.asc.nullslasttt)" (line 1, column 17)',
        `unexpected 't' expecting "," or end of input`,
      ),
      wrong(
        order('id.nullslasttt'),
        '"failed to parse order (id.nullslasttt)" (line 1, column 13)',
        `unexpected 't' expecting "," or end of input`,
      ),
      wrong(
        order('id.descc'),
        '"failed to parse order (id.descc)" (line 1, column 8)',
        `unexpected 'c' expecting delimiter (.), "," or end of input`,
      ),
      wrong(
        order('id.smth34'),
        '"failed to parse order (id.smth34)" (line 1, column 4)',
        'unexpected "s" expecting "asc", "desc", "nullsfirst" or "nullslast"',
      ),
      wrong(
        order('id.asc.smth34'),
        '"failed to parse order (id.asc.smth34)" (line 1, column 8)',
        'unexpected "s" expecting "nullsfirst" or "nullslast"',
      ),
    ],
    filter: [
      wrong(
        '/samples?id=0',
        '"failed to parse filter (0)" (line 1, column 1)',
        'unexpected "0" expecting "not" or operator (eq, gt, ...)',
      ),
      wrong(
        '/samples?id=val',
        '"failed to parse filter (val)" (line 1, column 1)',
        'unexpected "v" expecting "not" or operator (eq, gt, ...)',
      ),
      wrong(
        '/samples?id=eq().1',
        '"failed to parse filter (eq().1)" (line 1, column 3)',
        'unexpected "(" expecting operator (eq, gt, ...)',
      ),
      { ask: '/samples?flag=is.nil', error: { code: 'PGRST100' } },
    ],
    'logic tree': [
      wrong(
        '/samples?or=()',
        '"failed to parse logic tree (())" (line 1, column 4)',
        'unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)',
      ),
      wrong('/samples?or=)(', '"failed to parse logic tree ()()" (line 1, column 3)', 'unexpected ")" expecting "("'),
      { ask: '/samples?or=(id.in.1,2)', error: { code: 'PGRST100' } },
      { ask: '/samples?or=(id.eq.1', error: { code: 'PGRST100' } },
    ],
    select: [
      wrong(
        '/samples?select=data->>--34',
        '"failed to parse select parameter (data->>--34)" (line 1, column 9)',
        'unexpected "-" expecting digit',
      ),
      wrong(
        '/samples?select=data->>-78xy',
        '"failed to parse select parameter (data->>-78xy)" (line 1, column 11)',
        `unexpected 'x' expecting digit, "->", "::", ".", "," or end of input`,
      ),
      wrong(
        '/samples?select=data->(!@',
        '"failed to parse select parameter (data->(!@)" (line 1, column 7)',
        'unexpected "(" expecting "-", digit or any non reserved character different from: .,>()',
      ),
      wrong(
        '/samples?select=id,clients(name[])',
        '"failed to parse select parameter (id,clients(name[]))" (line 1, column 16)',
        `unexpected '[' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input`,
      ),
      wrong(
        '/samples?select=*!hint',
        '"failed to parse select parameter (*!hint)" (line 1, column 2)',
        `unexpected '!' expecting ")", "," or end of input`,
      ),
      wrong(
        '/samples?select=name::',
        '"failed to parse select parameter (name::)" (line 1, column 7)',
        'unexpected end of input expecting letter or digit',
      ),
    ],
  });
});

describe('paths and methods', () => {
  cases({
    'a key without a value asks nothing': [
      {
        ask: '/nodes?id&order=id&limit=1&select=id',
        json: [{ id: 1 }],
        has: { 'content-location': '/nodes?id=&limit=1&order=id&select=id' },
      },
      { ask: '/rpc/inc?a=1&nope', json: 2 },
    ],
    'what is not there': [
      {
        ask: '/nodez',
        status: 404,
        json: {
          code: 'PGRST205',
          message: "Could not find the table 'public.nodez' in the schema cache",
          details: null,
          hint: "Perhaps you meant the table 'public.nodes'",
        },
        has: { 'proxy-status': 'PostgREST; error=PGRST205', 'content-type': 'application/json; charset=utf-8' },
      },
      {
        ask: '/nodes/1/2',
        status: 404,
        json: { code: 'PGRST125', message: 'Invalid path specified in request URL', details: null, hint: null },
      },
      { ask: '/rpc', status: 404, error: { code: 'PGRST205' } },
      { ask: '/rpc/ints/2', status: 404, error: { code: 'PGRST125' } },
      {
        ask: '/nodes',
        method: 'PROPFIND',
        status: 405,
        error: { code: 'PGRST117', message: 'Unsupported HTTP method: PROPFIND' },
      },
      { ask: '/', method: 'POST', body: {}, status: 405, error: { code: 'PGRST117' } },
    ],
    'what may be done': [
      { ask: '/nodes', method: 'OPTIONS', has: { allow: 'OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE' } },
      { ask: '/no_key', method: 'OPTIONS', has: { allow: 'OPTIONS,GET,HEAD,POST,PATCH,DELETE' } },
      { ask: '/sales', method: 'OPTIONS', has: { allow: 'OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE' } },
      { ask: '/fills_view', method: 'OPTIONS', has: { allow: 'OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE' } },
      { ask: '/read_only', method: 'OPTIONS', has: { allow: 'OPTIONS,GET,HEAD' } },
      { ask: '/trips_kept', method: 'OPTIONS', has: { allow: 'OPTIONS,GET,HEAD' } },
      { ask: '/', method: 'OPTIONS', has: { allow: 'OPTIONS,GET,HEAD' } },
      { ask: '/nope', method: 'OPTIONS', status: 404 },
    ],
    'bytes that are no text': [
      { ask: '/nodes?id=eq.%FF', error: { code: 'PGRST100' } },
      { ask: '/nodes?id=eq.%00', error: { code: 'PGRST100' } },
      { ask: '/nodes?id=eq.%zz', error: { code: 'PGRST100' } },
      { ask: '/%FF', status: 404 },
    ],
  });
});
