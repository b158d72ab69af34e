import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/foundation/core/observe.ts';
import { directoryStore } from '../../../src/foundation/objects/directory-store.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { copyStore } from '../../../src/operator/backup/copy/run.ts';
import { newRecipient, readRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { addRecoveryKey, removeRecoveryKey } from '../../../src/operator/backup/rewrap.ts';
import { verifyStored } from '../../../src/operator/backup/verify-stored.ts';
import { listening } from '../../support/archive.ts';
import { startArchivedCluster, type ArchivedCluster } from '../../support/archived-cluster.ts';
import { quietContext } from '../../support/backup-fixture.ts';
import { rowsAt } from '../../support/soak.ts';

let archived: ArchivedCluster;
beforeAll(async () => {
  archived = await startArchivedCluster();
  await ask('create table sales (id integer primary key)');
});
afterAll(async () => archived.stop());

test(
  'a new recovery key takes the place of the old one, for what is there and what comes',
  { timeout: 180_000 },
  async () => {
    const { repository, home, keyFile, identities, systemId } = archived;
    await archived.backup();
    await ask('insert into sales values (1)');
    await archived.archiveAll();

    const file = path.join(home, 'second.key');
    const recipient = await newRecipient(repository.home, { text: undefined, file, now: Date.now() });
    const change = { repository, clock: systemClock, signal: new AbortController().signal };
    const added = await addRecoveryKey({ ...change, recipient, identities });
    expect(added).toMatchObject({ rewrapped: 2, unopened: [] }); // the backup and the WAL behind it
    await removeRecoveryKey({ ...change, recipient: identities[0]?.recipient ?? '', force: false });
    await ask('insert into sales values (2)');
    await archived.archiveAll();

    const away = directoryStore(path.join(home, 'away'));
    const { store: from, home: own, trustedKeys } = repository;
    await copyStore({ systemId, from, to: away, home: own, trustedKeys }, quietContext());
    const elsewhere = { ...repository, store: away, home: { directory: path.join(home, 'elsewhere') } };
    const counts = { 'postgres.public.sales': 2 };
    expect(await rowsAt({ kind: 'latest' }, { repository: elsewhere, keyFile: file, home })).toMatchObject({ counts });
    const later = await readRecoveryKey(file);
    expect(await verifyStored({ repository, identities: later }, listening())).toMatchObject({ level: 2, damaged: [] });
    const wrong = { code: 'SECRETS_KEY_WRONG' };
    await expect(rowsAt({ kind: 'latest' }, { repository, keyFile, home })).rejects.toMatchObject(wrong);
  },
);

async function ask(sql: string): Promise<void> {
  const session = await Session.open(archived.cluster.adminAddress, { applicationName: 'keys test' });
  try {
    await session.rows(sql);
  } finally {
    await session.close();
  }
}
