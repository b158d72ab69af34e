import { defineConfig } from 'vitest/config';

/** Unit tests need Node alone. The others start a real Postgres; one fork a file, two at a time on two cores. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    globalSetup: ['test/support/global-canary.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/architecture.test.ts'], testTimeout: 60_000 },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/contract/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'cli',
          include: ['test/cli/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: { name: 'kill', include: ['test/kill/**/*.test.ts'], pool: 'forks', hookTimeout: 300_000 },
      },
    ],
  },
});
