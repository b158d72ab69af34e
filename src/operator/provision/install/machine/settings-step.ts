import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createTwoFilesPatch } from 'diff';
import { parseDocument } from 'yaml';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { loadSettings, SETTINGS_FILE } from '../../../../foundation/config/settings.ts';
import { writeDurably } from '../../../../foundation/core/durable-file.ts';
import { octal, stateOf } from '../kinds/file-state.ts';
import { lookUpOwner, requireOwner } from '../kinds/owner.ts';
import { settingValues } from '../settings.ts';
import type { Change, InstallSettings, Machine, Step } from '../step.ts';

const FILE = path.join(INSTALLED.configuration, SETTINGS_FILE);
const OWNER = 'root:vectabase';
const MODE = 0o640;

/**
 * `vectabase.yml` belongs to the owner: only what this run was told otherwise is written into it, comments stay. What it
 * says is what the next run needs no flags for.
 */
export function settingsStep(settings: InstallSettings): Step {
  return {
    id: 'machine.settings',
    title: 'settings of this machine',
    async detect(machine) {
      const before = await textOf(FILE);
      const after = edited(before, settings);
      if (before === undefined) return [{ action: 'create', target: FILE }];
      const diff = createTwoFilesPatch(FILE, FILE, before, after, '', '', { context: 2 });
      if (before !== after) return [{ action: 'change', target: FILE, diff }];
      return accessOf(machine);
    },
    async apply(machine) {
      const owner = await requireOwner(machine, OWNER);
      await writeDurably(FILE, edited(await textOf(FILE), settings), { mode: MODE, owner });
    },
    /** Moves with its directory. */
    undo: async () => undefined,
  };
}

async function accessOf(machine: Machine): Promise<Change[]> {
  const [state, owner] = await Promise.all([stateOf(FILE), lookUpOwner(machine, OWNER)]);
  if (state.is !== 'file') return [{ action: 'change', target: FILE, note: 'is not a plain file' }];
  if (state.mode !== MODE) return [{ action: 'change', target: FILE, note: `mode ${octal(state.mode)}, not 640` }];
  if (state.uid === owner?.uid && state.gid === owner.gid) return [];
  return [{ action: 'change', target: FILE, note: `owner ${state.uid}:${state.gid}, not ${OWNER}` }];
}

/** Only keys whose value in the file, or its default, is another one. */
function edited(text: string | undefined, settings: InstallSettings): string {
  const start = text ?? `${headOf()}\n`;
  const document = parseDocument(start);
  let touched = text === undefined;
  const { settings: now } = loadSettings({ dir: INSTALLED.configuration });
  for (const [key, value] of settingValues(settings)) {
    const [section = '', name = ''] = key.split('.');
    const held = (now as Readonly<Record<string, Readonly<Record<string, unknown>>>>)[section]?.[name];
    // Pinned from the first day: a later release may have another default, and a machine must not change by itself.
    const pinned = document.getIn([section, name]) === undefined && PINNED.has(key);
    if (!pinned && JSON.stringify(held) === JSON.stringify(value)) continue;
    document.setIn([section, name], value);
    touched = true;
  }
  return touched ? document.toString({ lineWidth: 0 }) : start;
}

const PINNED: ReadonlySet<string> = new Set(['install.postgresMajor', 'install.volume']);

/** The explained template is for reading; what is in force here is short. */
function headOf(): string {
  return [
    '# Settings of this machine. vectabase config show --sources prints all of them, with their meaning and defaults.',
    `# ${INSTALLED.current}/templates/${SETTINGS_FILE} explains each.`,
  ].join('\n');
}

async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
