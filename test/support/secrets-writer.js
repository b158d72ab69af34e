/** Sets a secret again and again, ever a longer value, and tells each one that is written. To be killed. */
import { openSecrets } from '../../dist/operator/secrets/store.js';
import { setSecret } from '../../dist/operator/secrets/values.js';

const store = await openSecrets({ dir: process.argv[2], now: () => Date.now() });
for (let n = Number(process.argv[3]); ; n += 1) {
  await setSecret(store, 'COUNT', `${n} ${'x'.repeat(n * 10)}`);
  process.send(n);
}
