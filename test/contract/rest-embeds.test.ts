import { afterAll, beforeAll, describe } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { testCases, type Cases } from '../support/rest-cases.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public'], aggregatesEnabled: true },
  });
});
afterAll(() => server?.stop());
const cases = (list: Cases): void => testCases(() => server, list);

describe('which relationship is meant', () => {
  cases({
    'a constraint as target': {
      ask: '/trips?select=id,trips_origin_fkey(name)&id=eq.1',
      json: [{ id: 1, trips_origin_fkey: { name: 'Rome' } }],
    },
    'a column as target, beside the column itself': {
      ask: '/trips?select=id,origin,from:origin(name)&id=eq.1',
      json: [{ id: 1, origin: 1, from: { name: 'Rome' } }],
    },
    'a filter on the column that an embed is named by': {
      ask: '/trips?select=id,target(name)&target=eq.3',
      json: [{ id: 2, target: { name: 'Lima' } }],
    },
    'a column of the embedded side as target': {
      ask: '/places?select=id(name)&capitals=is.null&id=eq.1',
      status: 300,
    },
    'hints by constraint, own column and other column': [
      { ask: '/trips?select=id,places!trips_target_fkey(name)&id=eq.1', json: [{ id: 1, places: { name: 'Oslo' } }] },
      { ask: '/trips?select=id,places!target(name)&id=eq.1', json: [{ id: 1, places: { name: 'Oslo' } }] },
      { ask: '/places?select=name,trips!target(note)&id=eq.2', json: [{ name: 'Oslo', trips: [{ note: 'north' }] }] },
    ],
    'two keys to one table leave it open': {
      ask: '/trips?select=*,places(*)',
      status: 300,
      error: {
        code: 'PGRST201',
        message: "Could not embed because more than one relationship was found for 'trips' and 'places'",
        hint: "Try changing 'places' to one of the following: 'places!trips_origin_fkey', 'places!trips_target_fkey'. Find the desired relationship in the 'details' key.",
        details: [
          {
            cardinality: 'many-to-one',
            embedding: 'trips with places',
            relationship: 'trips_origin_fkey using trips(origin) and places(id)',
          },
          {
            cardinality: 'many-to-one',
            embedding: 'trips with places',
            relationship: 'trips_target_fkey using trips(target) and places(id)',
          },
        ],
      },
    },
    'a key and a junction leave it open, in that order': {
      ask: '/sites?select=*,works(*)',
      status: 300,
      error: {
        code: 'PGRST201',
        details: [
          {
            cardinality: 'many-to-one',
            embedding: 'sites with works',
            relationship: 'main_work using sites(main_work) and works(id)',
          },
          {
            cardinality: 'many-to-many',
            embedding: 'sites with works',
            relationship: 'jobs using jobs_site_id_fkey(site_id) and jobs_work_id_fkey(work_id)',
          },
        ],
      },
    },
    'the junction as hint': {
      ask: '/sites?select=name,works!jobs(name)&order=id&works.order=id',
      json: [
        { name: 'north', works: [{ name: 'dig' }] },
        { name: 'south', works: [{ name: 'dig' }, { name: 'build' }] },
      ],
    },
    'the key as target, when there is a junction too': {
      ask: '/sites?select=name,main_work(name)&id=eq.1',
      json: [{ name: 'north', main_work: { name: 'dig' } }],
    },
    'a hint that leads nowhere': {
      ask: '/trips?select=id,places!nowhere(name)',
      error: {
        code: 'PGRST200',
        message: "Could not find a relationship between 'trips' and 'places' in the schema cache",
        details:
          "Searched for a foreign key relationship between 'trips' and 'places' using the hint 'nowhere' in the schema 'public', but no matches were found.",
        hint: null,
      },
    },
    'a misspelt target is guessed': {
      ask: '/books?select=id,shelve(*)',
      error: { code: 'PGRST200', hint: "Perhaps you meant 'shelves' instead of 'shelve'." },
    },
    'a key of several columns': {
      ask: '/books?select=title,shelves(label),stands_on(row)&order=id',
      json: [
        { title: 'One', shelves: { label: 'a' }, stands_on: { row: 1 } },
        { title: 'Two', shelves: { label: 'b' }, stands_on: { row: 2 } },
        { title: 'Lost', shelves: null, stands_on: null },
      ],
    },
    'an alias tells two apart, for filters and order too': {
      ask: '/places?select=name,out:trips!origin(note),back:trips!target(note)&out.note=eq.north&order=id',
      json: [
        { name: 'Rome', out: [{ note: 'north' }], back: [] },
        { name: 'Oslo', out: [], back: [{ note: 'north' }] },
        { name: 'Lima', out: [], back: [{ note: 'south' }] },
      ],
    },
  });
});

describe('one to one', () => {
  cases({
    'both ways': [
      { ask: '/capitals?select=name,places(name)&id=eq.1', json: [{ name: 'Roma', places: { name: 'Rome' } }] },
      {
        ask: '/places?select=name,capital_of(name)&order=id',
        json: [
          { name: 'Rome', capital_of: { name: 'Roma' } },
          { name: 'Oslo', capital_of: { name: 'Christiania' } },
          { name: 'Lima', capital_of: null },
        ],
      },
    ],
  });
});

describe('a table and itself', () => {
  cases({
    'the column means the one above, the table the many below': [
      {
        ask: '/nodes?select=id,parent_id(id),nodes(id)&order=id&nodes.order=id',
        json: [
          { id: 1, parent_id: null, nodes: [{ id: 2 }, { id: 3 }] },
          { id: 2, parent_id: { id: 1 }, nodes: [] },
          { id: 3, parent_id: { id: 1 }, nodes: [] },
        ],
      },
    ],
    'two keys to itself are told apart by the column': [
      {
        ask: '/people?select=name,boss(name),mentor(name)&id=eq.3',
        json: [{ name: 'Cy', boss: { name: 'Ann' }, mentor: { name: 'Bob' } }],
      },
      {
        ask: '/people?select=name,staff:people!boss(name)&id=eq.1&staff.order=id',
        json: [{ name: 'Ann', staff: [{ name: 'Bob' }, { name: 'Cy' }] }],
      },
      {
        ask: '/people?select=name,boss(name,staff:people!boss(name))&id=eq.2&boss.staff.order=id',
        json: [{ name: 'Bob', boss: { name: 'Ann', staff: [{ name: 'Bob' }, { name: 'Cy' }] } }],
      },
      { ask: '/people?select=name,people(name)', status: 300 },
    ],
    'many to many with itself goes through the junction, spread': {
      ask: '/people?select=name,followers:follows!followed(...people!follower(name))&id=eq.1',
      json: [{ name: 'Ann', followers: [{ name: 'Cy' }] }],
    },
  });
});

describe('views', () => {
  cases({
    'keys show through views, over several of them, under other names': [
      {
        ask: '/trips_renamed?select=trip_id,started(name)&trip_id=eq.1',
        json: [{ trip_id: 1, started: { name: 'Rome' } }],
      },
      {
        ask: '/trips_of_view?select=trip_id,places!started(name)&trip_id=eq.1',
        json: [{ trip_id: 1, places: { name: 'Rome' } }],
      },
      {
        ask: '/places?select=name,trips_of_view!started(note)&id=eq.1',
        json: [{ name: 'Rome', trips_of_view: [{ note: 'north' }] }],
      },
      {
        ask: '/trips_kept?select=id,places_view!origin(name)&id=eq.1',
        json: [{ id: 1, places_view: { name: 'Rome' } }],
      },
    ],
    'a column as target never means a view': {
      ask: '/trips?select=id,origin(id,name)&id=eq.1',
      json: [{ id: 1, origin: { id: 1, name: 'Rome' } }],
    },
    'a column shown twice gives two ways': [
      { ask: '/trips_doubled?select=id,places(name)', status: 300, error: { code: 'PGRST201' } },
      { ask: '/trips_doubled?select=id,places!o2(name)&id=eq.1', json: [{ id: 1, places: { name: 'Rome' } }] },
    ],
    'a view of a hidden junction joins both sides': {
      ask: '/authors?select=name,books(title)&order=id&books.order=id',
      json: [
        { name: 'Eco', books: [{ title: 'One' }, { title: 'Two' }] },
        { name: 'Woolf', books: [{ title: 'Two' }] },
      ],
    },
    'a hidden junction joins nothing': {
      ask: '/sites?select=labels(*)',
      error: { code: 'PGRST200' },
    },
    'what is in a hidden schema cannot be embedded': { ask: '/sites?select=labels_of(*)', error: { code: 'PGRST200' } },
    'inner joins and counts through views': {
      ask: '/trips_renamed?select=trip_id,places_view!started!inner(name)&places_view.name=eq.Oslo',
      headers: { prefer: 'count=exact' },
      json: [{ trip_id: 2, places_view: { name: 'Oslo' } }],
      has: { 'content-range': '0-0/1' },
    },
  });
});

describe('partitioned tables', () => {
  cases({
    'both ways, but no partition': [
      {
        ask: '/sales?select=id,shops(name)&order=id',
        json: [
          { id: 1, shops: { name: 'corner' } },
          { id: 2, shops: { name: 'corner' } },
        ],
      },
      {
        ask: '/shops?select=name,sales(id)&order=id&sales.order=id',
        headers: { accept: 'application/vnd.pgrst.array+json;nulls=stripped' },
        json: [
          { name: 'corner', sales: [{ id: 1 }, { id: 2 }] },
          { name: 'plaza', sales: [] },
        ],
      },
      {
        ask: '/shops?select=name,sales_north(id)',
        error: { code: 'PGRST200', hint: "Perhaps you meant 'sales' instead of 'sales_north'." },
      },
      { ask: '/sales_north', status: 404, error: { code: 'PGRST205' } },
    ],
  });
});

describe('what the database computes', () => {
  cases({
    'a set is many, one row is one, no set is one': {
      ask: '/places?select=name,next_trips(note),first_trip(note),last_trip(note)&order=id',
      json: [
        { name: 'Rome', next_trips: [{ note: 'north' }], first_trip: { note: 'north' }, last_trip: { note: 'north' } },
        { name: 'Oslo', next_trips: [{ note: 'south' }], first_trip: { note: 'south' }, last_trip: { note: 'south' } },
        { name: 'Lima', next_trips: [{ note: 'home' }], first_trip: { note: 'home' }, last_trip: { note: 'home' } },
      ],
    },
    'it stands over keys of the same name': {
      ask: '/places?select=name,capitals(*)&id=eq.1',
      json: [{ name: 'Rome', capitals: null }],
    },
    'inner, filters and counts': {
      ask: '/places?select=name,t:next_trips!inner(note)&t.note=like.*th',
      headers: { prefer: 'count=exact' },
      json: [
        { name: 'Rome', t: [{ note: 'north' }] },
        { name: 'Oslo', t: [{ note: 'south' }] },
      ],
      has: { 'content-range': '0-1/2' },
    },
    'below an embed, after a call and after a write': [
      {
        ask: '/trips?select=id,origin(name,first_trip(note))&id=eq.2',
        json: [{ id: 2, origin: { name: 'Oslo', first_trip: { note: 'south' } } }],
      },
      {
        ask: '/rpc/places_from?min=3&select=name,next_trips(note)',
        json: [{ name: 'Lima', next_trips: [{ note: 'home' }] }],
      },
      {
        ask: '/places?id=eq.3&select=name,shout,next_trips(note)',
        method: 'PATCH',
        headers: { prefer: 'return=representation' },
        body: { name: 'Lima' },
        json: [{ name: 'Lima', shout: 'LIMA', next_trips: [{ note: 'home' }] }],
      },
    ],
    'fields are selected, filtered and ordered by': [
      { ask: '/places?select=shout&shout=eq.OSLO', json: [{ shout: 'OSLO' }] },
      { ask: '/places?select=id&order=shout.desc&limit=1', json: [{ id: 1 }] },
      { ask: '/places?select=id,secret', error: { code: '42703' } },
    ],
  });
});

describe('filters and order across embeds', () => {
  cases({
    'order by a column of the one above, selected or not': [
      {
        ask: '/trips?select=id,origin(name)&order=origin(name)',
        json: [
          { id: 3, origin: { name: 'Lima' } },
          { id: 2, origin: { name: 'Oslo' } },
          { id: 1, origin: { name: 'Rome' } },
        ],
      },
      {
        ask: '/trips?select=id,target(id)&order=target(name).desc.nullslast',
        json: [
          { id: 1, target: { id: 2 } },
          { id: 2, target: { id: 3 } },
          { id: 3, target: null },
        ],
      },
      {
        ask: '/trips?select=id,to:target(n:name)&order=to(n).asc.nullsfirst,id',
        json: [
          { id: 3, to: null },
          { id: 2, to: { n: 'Lima' } },
          { id: 1, to: { n: 'Oslo' } },
        ],
      },
      { ask: '/trips?select=id,...origin(name)&order=origin(name)&limit=1', json: [{ id: 3, name: 'Lima' }] },
    ],
    'order by the many is no order': {
      ask: '/places?select=*,ts:trips!origin(*)&order=ts(id)',
      error: {
        code: 'PGRST118',
        message: "A related order on 'ts' is not possible",
        details: "'places' and 'ts' do not form a many-to-one or one-to-one relationship",
      },
    },
    'order, filter and limit of what is not embedded': [
      {
        ask: '/trips?select=id&order=origin(name)',
        error: { code: 'PGRST108', hint: "Verify that 'origin' is included in the 'select' query parameter." },
      },
      {
        ask: '/places?trips.note=eq.x',
        error: { code: 'PGRST108', message: "'trips' is not an embedded resource in this request" },
      },
      { ask: '/places?trips.limit=1', error: { code: 'PGRST108' } },
    ],
    'null filters ask whether there is anything': [
      { ask: '/trips?select=id,target()&target=is.null', json: [{ id: 3 }] },
      { ask: '/trips?select=id,to:target()&to=not.is.null&order=id', json: [{ id: 1 }, { id: 2 }] },
      { ask: '/places?select=id,t:trips!target()&t=is.null', json: [{ id: 1 }] },
      { ask: '/sites?select=name,works!jobs()&works.id=eq.2&works=not.is.null', json: [{ name: 'south' }] },
    ],
    'null filters within or, with a count': {
      ask: '/places?select=name,a:trips!origin(),b:trips!target()&a.note=eq.home&b.note=eq.north&or=(a.not.is.null,b.not.is.null)&order=id',
      headers: { prefer: 'count=exact' },
      json: [{ name: 'Oslo' }, { name: 'Lima' }],
      has: { 'content-range': '0-1/2' },
    },
    'any other operator asks about a column of that name': {
      ask: '/places?select=name,t:trips!origin(*)&t=eq.1',
      error: { code: '42703', message: 'column places.t does not exist' },
    },
    'inner joins two levels down, and only there': [
      {
        ask: '/places?select=name,trips!origin!inner(note,target!inner(name))&trips.target.name=eq.Oslo',
        headers: { prefer: 'count=exact' },
        json: [{ name: 'Rome', trips: [{ note: 'north', target: { name: 'Oslo' } }] }],
        has: { 'content-range': '0-0/1' },
      },
      {
        ask: '/places?select=name,trips!origin(note,target!inner(name))&trips.target.name=eq.Oslo&order=id',
        json: [
          { name: 'Rome', trips: [{ note: 'north', target: { name: 'Oslo' } }] },
          { name: 'Oslo', trips: [] },
          { name: 'Lima', trips: [] },
        ],
      },
    ],
    'an empty embed only joins': [
      { ask: '/places?select=name,trips!origin!inner()&trips.note=eq.home', json: [{ name: 'Lima' }] },
      { ask: '/places?select=name,trips!origin(target())&id=eq.1', json: [{ name: 'Rome' }] },
    ],
    'limits and offsets of embeds': [
      {
        ask: '/nodes?select=id,nodes(id)&id=eq.1&nodes.order=id.desc&nodes.limit=1',
        json: [{ id: 1, nodes: [{ id: 3 }] }],
      },
      {
        ask: '/nodes?select=id,nodes(id)&id=eq.1&nodes.order=id&nodes.offset=1',
        json: [{ id: 1, nodes: [{ id: 3 }] }],
      },
      { ask: '/trips?select=id,origin(id)&id=eq.1&origin.offset=1', json: [{ id: 1, origin: null }] },
    ],
    'trees of filters two levels down': {
      ask: '/nodes?select=id,kids:nodes(id,kids:nodes(id))&parent_id=is.null&kids.or=(id.eq.2,id.eq.9)&kids.kids.and=(id.gt.0)',
      json: [{ id: 1, kids: [{ id: 2, kids: [] }] }],
    },
  });
});
