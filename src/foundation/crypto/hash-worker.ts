import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { hashPassword, verifyPassword } from './password-hash.ts';

/** What a thread is asked: to hash, or to verify. */
export type HashCall =
  | { readonly password: string; readonly cost: number }
  | { readonly password: string; readonly stored: string };

/** Whoever reads or writes goes first: what takes a quarter second may take a little longer. 19 would be the last. */
const LOW = 15;

try {
  // Linux counts priorities by thread. Elsewhere this link is missing, and all stay as they are.
  setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), LOW);
} catch {
  // it only helps the others
}

parentPort?.on('message', (call: HashCall) => {
  const answer = 'cost' in call ? hashPassword(call.password, call.cost) : verifyPassword(call.stored, call.password);
  parentPort?.postMessage(answer, []);
});
