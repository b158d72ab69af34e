// Applies the steps of one room of `install` on the machine that it runs on, or takes them back:
//   node apply-steps.js ROOM '{"install.volume":"fscrypt"}' [apply|plan|undo|purge] [RECOVERY_FILE]
import { mkdirSync } from 'node:fs';
import { INSTALLED } from '../../dist/foundation/config/directory.js';
import { loadSettings } from '../../dist/foundation/config/settings.js';
import { applySteps } from '../../dist/operator/provision/install/engine.js';
import { readFacts } from '../../dist/operator/provision/install/facts.js';
import { openJournal } from '../../dist/operator/provision/install/journal.js';
import { localMachine } from '../../dist/operator/provision/install/local-machine.js';
import { planInstall } from '../../dist/operator/provision/install/plan.js';
import { toInstallSettings } from '../../dist/operator/provision/install/settings.js';
import { undoSteps } from '../../dist/operator/provision/install/undo.js';

const [room, flags, action = 'apply', recoveryFile] = process.argv.slice(2);
const { [`${room}Steps`]: stepsOf } = await import(`../../dist/operator/provision/install/${room}/steps.js`);
const loaded = loadSettings({ dir: INSTALLED.configuration, flags: JSON.parse(flags) }).settings;
const settings = { ...toInstallSettings(loaded), recoveryFile };
const context = { observe: () => {}, signal: new AbortController().signal, clock: Date };
for (const directory of [INSTALLED.configuration, INSTALLED.journal]) mkdirSync(directory, { recursive: true });
const journal = await openJournal(INSTALLED.journal);
const machine = localMachine({ facts: await readFacts(), settings, context, journal });
const run = {
  apply: async () => applySteps(stepsOf(settings), machine, journal),
  plan: async () => planInstall(stepsOf(settings), machine, (id) => journal.isOpen(id)),
  undo: async () => undoSteps(stepsOf(settings), machine, journal, { purge: false }),
  purge: async () => undoSteps(stepsOf(settings), machine, journal, { purge: true }),
}[action];
try {
  process.stdout.write(`${JSON.stringify(await run())}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: error.code ?? String(error.stack), message: error.message })}\n`);
  process.exitCode = 1;
}
