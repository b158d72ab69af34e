import { run } from '../../../foundation/process/run.ts';
import type { UnitFacts } from '../facts.ts';

export interface WantedUnit {
  readonly name: string;
  /** What `systemd-analyze security` may say at most. */
  readonly exposureLimit?: number;
}

/** @param deep also asks how exposed each is, which takes systemd a second */
export async function lookAtUnits(wanted: readonly WantedUnit[], deep: boolean): Promise<UnitFacts[]> {
  const [first, ...more] = wanted.map(({ name }) => name);
  if (first === undefined) return [];
  const properties = '--property=Id,ActiveState,LoadState,UnitFileState,NRestarts';
  const [shown, analysed] = await Promise.all([
    run(['systemctl', 'show', properties, '--', first, ...more]),
    deep ? run(['systemd-analyze', 'security', '--no-pager']) : undefined,
  ]);
  const states = parseShow(shown.stdout);
  const exposures = parseExposures(analysed?.stdout ?? '');
  return wanted.map(({ name, exposureLimit }, index) => {
    const state = states[index] ?? {};
    return {
      name,
      state: state['LoadState'] === 'not-found' ? 'missing' : (state['ActiveState'] ?? 'missing'),
      // Debian's clusters are started by postgresql.service, and sockets start what they are for.
      enabled: !['disabled', 'masked', 'bad'].includes(state['UnitFileState'] ?? ''),
      restarts: Number(state['NRestarts'] ?? 0),
      exposure: exposures.get(name) ?? null,
      exposureLimit: exposureLimit ?? null,
    };
  });
}

/** One block of `Name=value` lines for each unit. */
export function parseShow(text: string): ReadonlyArray<Readonly<Record<string, string>>> {
  return text
    .trim()
    .split('\n\n')
    .map(
      (block) =>
        Object.fromEntries(block.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2))) as Record<string, string>,
    );
}

/** `vectabase.service   1.1 OK  :-)` */
export function parseExposures(text: string): ReadonlyMap<string, number> {
  return new Map(
    [...text.matchAll(/^(\S+\.service)\s+(\d+(?:\.\d+)?)\s/gm)].map(([, name = '', score]) => [name, Number(score)]),
  );
}
