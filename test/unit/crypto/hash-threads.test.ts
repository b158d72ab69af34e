import bcrypt from 'bcrypt';
import { expect, test } from 'vitest';
import { HashThreads } from '../../../src/foundation/crypto/hash-threads.ts';

/** Here the code of a thread is not compiled, so none can start: as in a daemon that may not read its own files. */
test('where no thread can start, passwords are hashed and checked all the same', async () => {
  const threads = new HashThreads();
  const stored = await threads.hash('right', 4);
  expect(stored).toMatch(/^\$2b\$04\$/);
  expect(await threads.verify(stored, 'right')).toBe(true);
  expect(await threads.verify(stored.replace('$2b', '$2y'), 'right')).toBe(true);
  expect(await threads.verify(stored, 'wrong')).toBe(false);
  expect(await threads.verify(await bcrypt.hash('x'.repeat(72), 4), 'x'.repeat(73))).toBe(false);
  expect(await threads.verify('plaintext', 'plaintext')).toBe(false);
  await threads.close();
});
