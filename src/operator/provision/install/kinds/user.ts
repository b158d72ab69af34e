import type { Change, Machine, Step } from '../step.ts';
import { undoRecords } from './undo-records.ts';

interface UserSpec {
  readonly id: string;
  readonly title: string;
  /** Groups that should be there, system groups when they are made. */
  readonly groups?: readonly string[];
  /** System users without a password or a shell, each with a group of its own name. */
  readonly users?: ReadonlyArray<{ readonly name: string; readonly home: string; readonly comment: string }>;
  /** `[user, group]`: who is in which group besides his own. */
  readonly members?: ReadonlyArray<readonly [user: string, group: string]>;
}

/** System users, groups, and who is in which. */
export function userStep({ id, title, groups = [], users = [], members = [] }: UserSpec): Step {
  return {
    id,
    title,
    async detect(machine) {
      const changes: Change[] = [];
      for (const name of groups) {
        if (!(await exists(machine, 'group', name))) changes.push({ action: 'create', target: `group ${name}` });
      }
      for (const { name } of users) {
        if (!(await exists(machine, 'passwd', name))) changes.push({ action: 'create', target: `user ${name}` });
      }
      for (const [user, group] of members) {
        if (!(await isMember(machine, user, group)))
          changes.push({ action: 'change', target: `user ${user}`, note: `is not in the group ${group}` });
      }
      return changes;
    },
    async apply(machine, record) {
      for (const name of groups) {
        if (await exists(machine, 'group', name)) continue;
        await record({ kind: 'group', target: name });
        await machine.run(['groupadd', '--system', name]);
      }
      for (const { name, home, comment } of users) {
        if (await exists(machine, 'passwd', name)) continue;
        await record({ kind: 'user', target: name });
        const own = (await exists(machine, 'group', name)) ? ['--gid', name] : ['--user-group'];
        const rest = ['--no-create-home', '--home-dir', home, '--shell', '/usr/sbin/nologin', '--comment', comment];
        await machine.run(['useradd', '--system', ...own, ...rest, name]);
      }
      for (const [user, group] of members) {
        if (await isMember(machine, user, group)) continue;
        await record({ kind: 'member', target: user, group });
        await machine.run(['usermod', '--append', '--groups', group, user]);
      }
    },
    undo: undoRecords,
  };
}

async function exists(machine: Machine, database: 'passwd' | 'group', name: string): Promise<boolean> {
  return (await machine.ask(['getent', database, name])).exitCode === 0;
}

async function isMember(machine: Machine, user: string, group: string): Promise<boolean> {
  const { exitCode, stdout } = await machine.ask(['id', '--name', '--groups', user]);
  return exitCode === 0 && stdout.trim().split(' ').includes(group);
}
