import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { searchBeforeRemoval } from './canary.ts';
import { openSecrets, type OpenStore, type SecretStore } from '../../src/operator/secrets/store.ts';

/** A directory that is gone when the test is over, after it was searched for canaries. */
export function scratch(): string {
  const directory = scratchUnsearched();
  onTestFinished(() => searchBeforeRemoval(directory));
  return directory;
}

/** For a test that puts canaries there itself. */
export function scratchUnsearched(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'vt-secrets-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The secrets of a fresh installation, or of the one in `dir`. */
export async function openTestStore(dir = scratch(), more: Partial<OpenStore> = {}): Promise<SecretStore> {
  return openSecrets({ dir, now: () => Date.now(), ...more });
}
