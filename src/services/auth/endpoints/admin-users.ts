import { flag, isUuid } from '../body.ts';
import { deleteUser, softDelete } from '../delete-user.ts';
import type { AuthContext } from '../context.ts';
import { AuthError } from '../errors.ts';
import type { Reply } from '../message.ts';
import { databaseStep } from '../pg-errors.ts';
import { forAdmin, type AdminCall, type Route } from '../router.ts';
import { describeUser } from '../session.ts';
import { audit } from '../store/audit.ts';
import { findFactors, findFactorsOfAll } from '../store/factors.ts';
import { findIdentitiesOfAll } from '../store/identities.ts';
import type { Tx } from '../store/rows.ts';
import { countUsers, listUsers, lockUser, type UserRow } from '../store/users.ts';
import { factorJson, userJson } from '../user-json.ts';
import { AUDIENCE } from '../config.ts';
import { changeUserAsAdmin, createUserAsAdmin } from '../admin-change.ts';

export const adminUserRoutes: readonly Route[] = [
  forAdmin('GET', '/admin/users', list),
  forAdmin('POST', '/admin/users', createUserAsAdmin),
  forAdmin(
    'GET',
    '/admin/users/:id',
    withUser(async (tx, user) => ({ status: 200, body: await describeUser(tx, user) })),
  ),
  forAdmin('PUT', '/admin/users/:id', async (call, context) => changeUserAsAdmin(userId(call), call, context)),
  forAdmin('DELETE', '/admin/users/:id', withUser(remove)),
  forAdmin(
    'GET',
    '/admin/users/:id/factors',
    withUser(async (tx, user) => ({ status: 200, body: (await findFactors(tx, user.id)).map(factorJson) })),
  ),
];

const MAX_PAGE = 1_000;

async function list({ query }: AdminCall, { database }: AuthContext): Promise<Reply> {
  const page = Math.max(1, readNumber(query, 'page', 1));
  const perPage = Math.min(MAX_PAGE, readNumber(query, 'per_page', 50) || 50);
  const filter = query.get('filter') ?? '';
  return database.transaction(async (tx) => {
    const total = await countUsers(tx, filter);
    const rows = await listUsers(tx, { filter, limit: perPage, offset: (page - 1) * perPage });
    const users = await describeAll(tx, rows);
    return {
      status: 200,
      headers: [
        ['X-Total-Count', String(total)],
        ['Link', pageLinks(page, perPage, total)],
      ],
      body: { users, aud: AUDIENCE },
    };
  });
}

/** As `describeUser`, in two queries for all of them. */
async function describeAll(tx: Tx, users: readonly UserRow[]): Promise<unknown[]> {
  const ids = users.map(({ id }) => id);
  const identities = await findIdentitiesOfAll(tx, ids);
  const factors = await findFactorsOfAll(tx, ids);
  return users.map((user) => {
    const mine = (row: { readonly user_id: string }): boolean => row.user_id === user.id;
    return userJson(user, { identities: identities.filter(mine), factors: factors.filter(mine) });
  });
}

/** `</admin/users?page=2&per_page=50>; rel="next", …`; clients read the number behind the first `page=`. */
function pageLinks(page: number, perPage: number, total: number): string {
  const last = Math.max(1, Math.ceil(total / perPage));
  const link = (to: number, rel: string): string => `</admin/users?page=${to}&per_page=${perPage}>; rel="${rel}"`;
  return [...(page < last ? [link(page + 1, 'next')] : []), link(last, 'last')].join(', ');
}

function readNumber(query: URLSearchParams, name: string, initial: number): number {
  const given = query.get(name) ?? '';
  if (given === '') return initial;
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw new AuthError('validation_failed', `Bad Pagination Parameters: ${name} must be a number`);
}

type UserHandler = (tx: Tx, user: UserRow, call: AdminCall, context: AuthContext) => Promise<Reply>;

function withUser(handle: UserHandler): (call: AdminCall, context: AuthContext) => Promise<Reply> {
  return async (call, context) => {
    const id = userId(call);
    return context.database.transaction(async (tx) => {
      const user = await lockUser(tx, id);
      if (!user) throw new AuthError('user_not_found', 'User not found');
      return handle(tx, user, call, context);
    });
  };
}

function userId({ params }: AdminCall): string {
  const id = params['id'];
  if (isUuid(id)) return id;
  throw new AuthError('validation_failed', 'user_id must be an UUID', { status: 404 });
}

async function remove(tx: Tx, user: UserRow, call: AdminCall, context: AuthContext): Promise<Reply> {
  const now = context.now();
  const traits = { user_id: user.id, user_email: user.email ?? '', user_phone: user.phone ?? '' };
  await audit(tx, 'user_deleted', { actor: call, ip: call.request.ip, traits }, now);
  const soft = flag(call.body(), 'should_soft_delete');
  await databaseStep('Database error deleting user', () =>
    soft ? softDelete(tx, user, now) : deleteUser(tx, user.id),
  );
  return { status: 200, body: {} };
}
