import type { AnyCheck } from '../check.ts';
import { BACKUP_CHECKS } from './backups.ts';
import { DATABASE_CHECKS } from './database.ts';
import { GUARD_CHECKS } from './guards.ts';
import { NETWORK_CHECKS } from './network.ts';
import { PACKAGE_CHECKS } from './packages.ts';
import { ROLE_CHECKS } from './roles.ts';
import { SYSTEM_CHECKS } from './system.ts';
import { WORKLOAD_CHECKS } from './workload.ts';

/** In the order of the report: what stops everything else first. */
export const CHECKS: readonly AnyCheck[] = [
  ...SYSTEM_CHECKS,
  ...PACKAGE_CHECKS,
  ...DATABASE_CHECKS,
  ...WORKLOAD_CHECKS,
  ...ROLE_CHECKS,
  ...GUARD_CHECKS,
  ...BACKUP_CHECKS,
  ...NETWORK_CHECKS,
];
