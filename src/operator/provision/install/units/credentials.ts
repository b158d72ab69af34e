import path from 'node:path';
import { installationPaths, INSTALLED } from '../../../../foundation/config/directory.ts';
import { writeDurably } from '../../../../foundation/core/durable-file.ts';
import { formatKeySet } from '../../../../foundation/crypto/key-set.ts';
import { findMasterKey } from '../../../../foundation/encryption/master-key.ts';
import { readJson, type InstallationKeys } from '../../../../foundation/postgres/installation.ts';
import { stateOf } from '../kinds/file-state.ts';
import type { Change, Machine, Step } from '../step.ts';

/** On the volume too: without a TPM they are sealed with a secret that is on the disk beside it. */
export const CREDENTIALS = `${INSTALLED.private}/credentials`;
const INSTALLATION = installationPaths(INSTALLED.configuration);

/** `systemd-creds` and LoadCredentialEncrypted= came with it; before, credentials are files that root alone reads. */
export const SEALS_CREDENTIALS = 250;

/**
 * The keys that the daemon and the key check are handed by systemd, sealed with what the machine has: its TPM and a
 * secret of the host, or that secret alone. Sealed anew when the key that they hold has changed.
 */
export function credentialsStep(): Step {
  return {
    id: 'units.credentials',
    title: 'keys, sealed for the services that need them',
    async detect(machine) {
      const changes: Change[] = [];
      for (const { name, read } of SOURCES) {
        const target = placeOf(name, machine);
        const [wanted, held] = [await read(), await holds(name, machine)];
        if (held === undefined) changes.push({ action: 'create', target });
        else if (wanted !== undefined && wanted !== held)
          changes.push({ action: 'change', target, note: 'the key is another one now' });
      }
      return changes;
    },
    async apply(machine) {
      for (const { name, read } of SOURCES) {
        const wanted = await read();
        if (wanted === undefined) throw new Error(`there is no ${name} to seal`);
        if ((await holds(name, machine)) !== wanted) await seal(name, wanted, machine);
      }
    },
    /** They go, or move, with their directory. */
    undo: async () => undefined,
  };
}

/** What each credential holds, without a last newline; undefined while it is not made yet. */
const SOURCES: ReadonlyArray<{ readonly name: string; readonly read: () => Promise<string | undefined> }> = [
  {
    name: 'vectabase-secrets-identity',
    read: async () => {
      const state = await stateOf(INSTALLATION.secrets.identity);
      return state.is === 'file' ? state.content.toString('utf8').trimEnd() : undefined;
    },
  },
  {
    name: 'vectabase-master-key',
    read: async () => {
      const found = await findMasterKey(INSTALLATION.masterKey);
      return found?.key.toString('hex');
    },
  },
  {
    name: 'vectabase-daemon-keys',
    read: async () => {
      const keys = await readJson<InstallationKeys>(INSTALLATION.keys);
      return keys && formatKeySet(keys).trimEnd();
    },
  },
];

function placeOf(name: string, { facts }: Machine): string {
  return path.join(CREDENTIALS, facts.systemd < SEALS_CREDENTIALS ? name : `${name}.cred`);
}

/** Undefined when there is none, or none that this machine opens. */
async function holds(name: string, machine: Machine): Promise<string | undefined> {
  const file = placeOf(name, machine);
  const state = await stateOf(file);
  if (state.is !== 'file' || state.mode !== 0o600 || state.uid !== 0) return undefined;
  if (machine.facts.systemd < SEALS_CREDENTIALS) return state.content.toString('utf8');
  const { exitCode, stdout } = await machine.ask(['systemd-creds', 'decrypt', `--name=${name}`, '--newline=no', file]);
  return exitCode === 0 ? stdout : undefined;
}

async function seal(name: string, key: string, machine: Machine): Promise<void> {
  const content =
    machine.facts.systemd < SEALS_CREDENTIALS
      ? key
      : await machine.run(['systemd-creds', 'encrypt', `--name=${name}`, '-', '-'], { input: key });
  await writeDurably(placeOf(name, machine), content, { mode: 0o600 });
}
