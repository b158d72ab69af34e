import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBench, migrate, type Bench } from '../../support/migration.ts';
import { contentOf, shapeOf } from '../../support/content.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({ standin: { rows: 5000 } });
});
afterAll(async () => bench?.stop());

test('a project moves whole: every row, every object, and the report says so', async () => {
  const target = await bench.freshTarget('whole');
  const { report } = await migrate({ source: bench.sourceAddress, target });
  expect(report.catalogue?.different).toEqual([]);
  expect(report.tables.filter(({ status }) => status !== 'verified')).toEqual([]);
  expect(report.outcome).toBe('complete');
  expect(report.required.present).toHaveLength(18);
  expect(report.leftOut.map(({ key }) => key)).toContain(
    'trigger "order webhook" on app_private."Order Items ""2026"""',
  );
  const [left, right] = await Promise.all([bench.admin('source'), bench.admin('target', 'whole')]);
  const shape = await shapeOf(left);
  expect(await contentOf(right, shape)).toEqual(await contentOf(left, shape));
  await left.close();
  await right.close();
});
