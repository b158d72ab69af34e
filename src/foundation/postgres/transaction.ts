import type { Session } from './session.ts';

/**
 * Runs `body` between BEGIN and COMMIT. An error rolls back and is rethrown; when the rollback fails too (the link is
 * gone), the server rolls back by itself as soon as it notices.
 */
export async function inTransaction<T>(session: Session, body: () => Promise<T>, begin = 'begin'): Promise<T> {
  await session.script(begin);
  let result: T;
  try {
    result = await body();
  } catch (error) {
    await session.script('rollback').catch(() => undefined);
    throw error;
  }
  await session.script('commit');
  return result;
}
