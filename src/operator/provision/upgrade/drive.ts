import { messageOf, VectabaseError } from '../../../foundation/core/errors.ts';
import type { ConfigMigration } from './migrations.ts';
import type { UpgradeRecord } from './record.ts';

/** What an upgrade does to the machine. Everything bears being done twice. */
export interface Hands {
  save(record: UpgradeRecord): Promise<void>;
  /** Changes the owner's vectabase.yml. */
  configure(migration: ConfigMigration, direction: 'up' | 'down'): Promise<void>;
  /** Lets a release install itself: it becomes the current one, with its units and templates, and the daemon restarts. */
  activate(release: string): Promise<void>;
  /** Why the machine is not well with what runs now; undefined when it is. */
  ailment(): Promise<string | undefined>;
}

/**
 * Brings an upgrade to its end: to the new release, or back to the old one when the new one cannot be installed or is not
 * healthy. Called with a record of any phase, it goes on from there.
 *
 * @returns the record, `done` or `returned`
 * @throws VectabaseError UPGRADE_STUCK when the old release does not come up either; whatever stops us otherwise
 */
export async function driveUpgrade(
  record: UpgradeRecord,
  migrations: readonly ConfigMigration[],
  hands: Hands,
  signal: AbortSignal,
): Promise<UpgradeRecord> {
  let now = record;
  const enter = async (change: Partial<UpgradeRecord>): Promise<void> => {
    now = { ...now, ...change };
    await hands.save(now);
  };
  /** Runs a part of the way forward; its failure turns us round. Stopped by a person, we stay where we are. */
  const forward = async (part: () => Promise<string | undefined>, next: UpgradeRecord['phase']): Promise<void> => {
    let reason: string | undefined;
    try {
      reason = await part();
    } catch (error) {
      reason = messageOf(error);
    }
    signal.throwIfAborted();
    await enter(reason === undefined ? { phase: next } : { phase: 'returning', reason });
  };
  for (;;) {
    switch (now.phase) {
      case 'begun':
        await forward(async () => {
          // On record first: then they are taken back also when we die in the middle of one.
          await enter({ migrations: migrations.map(({ number }) => number) });
          for (const migration of migrations) await hands.configure(migration, 'up');
          return undefined;
        }, 'configured');
        break;
      case 'configured':
        await forward(async () => {
          await hands.activate(now.to);
          return undefined;
        }, 'installed');
        break;
      case 'installed':
        await forward(() => hands.ailment(), 'done');
        break;
      case 'returning':
        for (const migration of migrations.toReversed()) {
          if (now.migrations.includes(migration.number)) await hands.configure(migration, 'down');
        }
        await enter({ phase: 'unconfigured' });
        break;
      case 'unconfigured':
        await goBack(now, hands);
        await enter({ phase: 'returned', migrations: [] });
        break;
      case 'done':
      case 'returned':
        return now;
    }
  }
}

async function goBack({ from, reason }: UpgradeRecord, hands: Hands): Promise<void> {
  await hands.activate(from);
  const ailment = await hands.ailment();
  if (ailment === undefined) return;
  throw new VectabaseError('UPGRADE_STUCK', {
    message: `the new release failed (${reason ?? 'unknown'}), and the old one is not well either: ${ailment}`,
    hint: 'Run vectabase doctor, mend what it names, then vectabase upgrade: it goes on from here.',
    details: { from, reason, ailment },
  });
}
