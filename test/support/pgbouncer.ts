import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sleep } from '../../src/foundation/core/sleep.ts';
import type { DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { freePort } from '../../src/foundation/process/port.ts';
import { serviceUser } from '../../src/foundation/process/service-user.ts';

const PROGRAM = '/usr/sbin/pgbouncer';

/** Debian's PgBouncer, where it is installed; the vps tier has it always. */
export const hasPgBouncer = existsSync(PROGRAM);

export interface Pooled {
  readonly address: DatabaseAddress;
  stop(): Promise<void>;
}

/** A real PgBouncer before a server, for the one role that `behind` names. */
export async function startPgBouncer(behind: DatabaseAddress, mode: 'session' | 'transaction'): Promise<Pooled> {
  const runAs = await serviceUser();
  const folder = await mkdtemp(path.join(tmpdir(), 'vp-'));
  const port = await freePort();
  const users = path.join(folder, 'users');
  const config = path.join(folder, 'pgbouncer.ini');
  await writeFile(users, `"${behind.user}" "${behind.password ?? ''}"\n`, { mode: 0o600 });
  await writeFile(
    config,
    `[databases]\n* = host=${behind.host} port=${behind.port}\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=${port}
unix_socket_dir=\nauth_type=scram-sha-256\nauth_file=${users}\npool_mode=${mode}\nlogfile=${folder}/log\n`,
    { mode: 0o600 },
  );
  if (runAs) for (const file of [folder, users, config]) await chown(file, runAs.uid, runAs.gid);
  const child = spawn(PROGRAM, [config], { stdio: 'ignore', ...(runAs ? { uid: runAs.uid, gid: runAs.gid } : {}) });
  const ended = new Promise((resolve) => child.once('close', resolve));
  for (let attempt = 0; attempt < 100 && !(await listens(port)); attempt += 1) await sleep(50);
  return {
    address: { ...behind, host: '127.0.0.1', port },
    async stop() {
      child.kill('SIGINT');
      await Promise.race([ended, sleep(2000).then(() => child.kill('SIGKILL'))]);
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
