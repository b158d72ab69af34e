import { defineConfig } from 'vitest/config';

/** Needs root on Debian or Ubuntu: boots a real Debian 13 tree. */
export default defineConfig({
  test: { include: ['test/vps/**/*.test.ts'], fileParallelism: false, testTimeout: 600_000, hookTimeout: 600_000 },
});
