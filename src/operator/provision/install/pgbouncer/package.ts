import { existsSync } from 'node:fs';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { pgbouncerHoles } from '../../../../foundation/postgres/pgbouncer-holes.ts';
import { packagesStep } from '../kinds/packages.ts';
import { showUnit } from '../kinds/unit-state.ts';
import type { Machine, Step } from '../step.ts';

/**
 * PgBouncer of the distribution, held against its known holes: whichever are open are told in every run. One that serves
 * somebody else's settings is left alone.
 *
 * @param dropIn the file by which its unit runs with our settings
 */
export function bouncerPackage(unit: string, dropIn: string): Step {
  const step = packagesStep({ id: ID, title: 'PgBouncer', packages: ['pgbouncer'], holdBack: [unit] });
  let told = false;
  return {
    ...step,
    async detect(machine) {
      if (!existsSync(dropIn)) await refuseForeign(machine, unit);
      const found = await judged(machine);
      if (found !== undefined && !told && found.open.length > 0) tell(machine, found);
      told ||= found !== undefined;
      return step.detect(machine);
    },
    async verify(machine) {
      const found = await judged(machine);
      if (found !== undefined && found.open.length === 0) tell(machine, found);
    },
  };
}

const ID = 'pgbouncer.packages';

interface Judged {
  /** Of the package: `1.24.1-1+deb13u2`. */
  readonly version: string;
  readonly open: ReturnType<typeof pgbouncerHoles>['holes'];
}

/**
 * Undefined while it is not installed.
 *
 * @throws VectabaseError PRECONDITION_FAILED below 1.21
 */
async function judged(machine: Machine): Promise<Judged | undefined> {
  const { exitCode, stdout } = await machine.ask(['dpkg-query', '--show', '--showformat=${Version}', 'pgbouncer']);
  const version = stdout.trim();
  if (exitCode !== 0 || version === '') return undefined;
  const changelog = await machine.ask(['zcat', '/usr/share/doc/pgbouncer/changelog.Debian.gz']);
  const { pools, holes } = pgbouncerHoles(version, changelog.stdout);
  if (pools) return { version, open: holes };
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `PgBouncer ${version} cannot keep prepared statements in transaction mode, which came with 1.21`,
    hint: 'Add the PGDG repository, which has a newer one: apt-get install postgresql-common && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh',
    details: { version },
  });
}

/** Freshly installed it runs too, and has nobody to serve. */
async function refuseForeign(machine: Machine, unit: string): Promise<void> {
  if (!(await showUnit(machine, unit)).active) return;
  const { stdout } = await machine.ask(['dpkg', '--verify', 'pgbouncer']);
  const edited = /\S+$/m.exec(stdout.split('\n').find((line) => line.includes('/etc/pgbouncer/')) ?? '')?.[0];
  if (edited === undefined) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `PgBouncer runs here already, with settings of somebody's own in ${edited}`,
    hint: 'Give it a unit of its own, then: systemctl disable --now pgbouncer && vectabase install',
    details: { file: edited },
  });
}

function tell(machine: Machine, { version, open }: Judged): void {
  const holes = open.map(({ id, what }) => `${id} (${what})`).join(', ');
  const note =
    open.length === 0
      ? `PgBouncer ${version} has none of the known holes`
      : `PgBouncer ${version} has known holes: ${holes}; apt-get upgrade pgbouncer brings the fixes`;
  machine.context.observe({ event: 'install.machine.noted', id: ID, note });
}
