import { objectKey, type Catalog } from '../catalog/model.ts';
import type { MigrateChoices } from '../options.ts';
import { matchesAny } from '../plan/globs.ts';
import { blocker, count, list, note, warning, type Finding } from './finding.ts';
import { shellWord } from '../../../foundation/core/shell-words.ts';
import { ownTables, type PreflightInput } from './input.ts';

/** Every hosted project has them installed; their absence says nothing about the owner's own work. */
const PLATFORM_EXTENSIONS = ['pg_graphql', 'pg_net', 'pg_cron', 'supabase_vault', 'pgsodium', 'pgjwt', 'pgmq'];

/** Objects that cannot be made, or not without a decision. */
export function selectionChecks({ selection, cycles, choices, sourceCatalog }: PreflightInput): Finding[] {
  const findings = misspelt(choices, sourceCatalog);
  for (const cycle of cycles) {
    findings.push(
      blocker(
        'cycle',
        `these objects need each other: ${list(cycle)}`,
        `Leave one out knowingly with --skip ${shellWord(cycle[0] ?? '')}`,
      ),
    );
  }
  for (const { key, why } of selection.needDecision) {
    findings.push(
      blocker(
        'needs-decision',
        `${key} cannot be made: it ${why}`,
        `Give the target what it needs, or leave it out knowingly with --skip ${shellWord(key)}`,
      ),
    );
  }
  const extensions = selection.leftOut.filter(
    ({ key, why }) => key.startsWith('extension ') && why === 'not available on the target',
  );
  if (extensions.length > 0) {
    const names = extensions.map(({ key }) => key.slice('extension '.length));
    const work = names.filter((name) => !PLATFORM_EXTENSIONS.includes(name));
    if (work.length > 0)
      findings.push(
        warning(
          'extensions',
          `not available on the target, and nothing that moves depends on them: ${list(work)}`,
          'Install their packages there if code of yours calls them.',
        ),
      );
    if (work.length < names.length)
      findings.push(
        note(
          'platform-extensions',
          `of the platform, not available here: ${list(names.filter((name) => !work.includes(name)))}`,
        ),
      );
  }
  const held = selection.leftOut.filter(({ key, why }) => key.startsWith('trigger ') && why.startsWith('needs '));
  if (held.length > 0)
    findings.push(
      warning(
        'webhooks',
        `${count(held.length, 'trigger', 'calls', 'call')} functions of the platform (webhooks) and cannot be made: ${list(held.map(({ key }) => key))}`,
        'Rebuild them against your own endpoint after the move.',
      ),
    );
  return findings;
}

/** A choice that fits nothing is a slip of the pen: `--only public.custmoers` would move no row and call that complete. */
function misspelt(choices: MigrateChoices, source: Catalog): Finding[] {
  const tables = ownTables(source.tables).map(({ schema, name }) => `${schema}.${name}`);
  const keys = new Set(source.objects.map(objectKey));
  const globs = (['only', 'exclude'] as const).flatMap((flag) =>
    choices[flag]
      .filter((glob) => !tables.some((table) => matchesAny([glob], table)))
      .map((glob) => `--${flag} ${glob} fits no table`),
  );
  const skips = choices.skip.filter((key) => !keys.has(key)).map((key) => `--skip ${key} names no object`);
  return [...globs, ...skips].map((what) =>
    blocker('choice-unknown', `${what} of the source`, 'Look up the name in the output of `vectabase migrate plan`.'),
  );
}
