import { asVectabaseError, VectabaseError } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { openStore } from '../../../foundation/objects/open-store.ts';
import { recordFailure } from '../failure.ts';
import type { BackupObservation } from '../observations.ts';
import { openRepository, readCatalogues, type RepositoryPlace } from '../repository.ts';
import { copyStore, type CopyReport } from './run.ts';

/**
 * Brings every store of the settings up to date. One that fails keeps none of the others back.
 *
 * @returns what was copied, and the first failure
 * @throws VectabaseError CATALOGUE_BROKEN, PRECONDITION_FAILED when the settings name no store
 */
export async function copyToAll(
  place: RepositoryPlace,
  ctx: JobContext<BackupObservation>,
): Promise<{ copies: CopyReport[]; failure: VectabaseError | undefined }> {
  const repository = await openRepository(place);
  const { store: from, home, trustedKeys } = repository;
  if (!place.stores?.length) throw noStores();
  const systems = (await readCatalogues(repository, ctx.signal)).map(({ systemId }) => systemId);
  const copies: CopyReport[] = [];
  let failure: VectabaseError | undefined;
  for (const setting of place.stores) {
    try {
      const to = await openStore(setting);
      try {
        for (const systemId of systems) {
          copies.push(await copyStore({ systemId, from, to, home, trustedKeys }, ctx));
        }
      } finally {
        await to.close();
      }
    } catch (error) {
      ctx.signal.throwIfAborted();
      failure ??= asVectabaseError(error);
    }
  }
  if (failure) await recordFailure({ job: 'copy', repository }, failure, ctx).catch(() => undefined);
  return { copies, failure };
}

function noStores(): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: 'the settings name no store to copy backups to',
    hint: 'Set backup.stores in vectabase.yml: docs/backup.md shows how.',
  });
}
