import { VectabaseError } from '../../../../foundation/core/errors.ts';

/** Something lies where the volume would be made: it may be all that somebody has. */
export function occupied(target: string, what: string): VectabaseError {
  return new VectabaseError('VOLUME_OCCUPIED', {
    message: `${target} ${what}, and an encrypted volume would be made there`,
    hint: `Move it away, or empty it (wipefs --all for a disk). Where ${target} is encrypted already: vectabase install --volume existing`,
    details: { target },
  });
}
