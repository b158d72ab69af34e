import path from 'node:path';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { ChildExit } from '../../foundation/process/child.ts';
import { runForeground } from '../../foundation/process/foreground.ts';
import { childEnvironment } from '../../foundation/config/child-environment.ts';
import { assertSecret } from './document.ts';
import type { SecretStore } from './store.ts';
import { takeSecrets } from './values.ts';

/**
 * Runs a program that has the secrets in its environment, and nowhere else.
 *
 * @param only these names; all when undefined
 * @throws VectabaseError USAGE when it cannot be started, SECRET_MISSING
 */
export async function execWithSecrets(
  store: SecretStore,
  argv: readonly [string, ...string[]],
  only: readonly string[] | undefined,
): Promise<ChildExit> {
  // Its words may hold anything; the name of the program is enough for the log.
  const program = path.basename(argv[0]);
  const values = await takeSecrets(store, only, { operation: 'exec', to: program });
  for (const [name, value] of values) assertSecret(name, value); // somebody may have written the file by other means
  try {
    return await runForeground(argv, { env: childEnvironment(values) });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new VectabaseError('USAGE', {
      message: `${program} cannot be started: ${code ?? 'error'}`,
      hint: 'Name a program that is on the PATH, as in: vectabase secrets exec -- node server.js',
    });
  }
}
