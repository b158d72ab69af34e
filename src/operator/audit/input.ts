import { loadSettings } from '../../foundation/config/settings.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import type { AuditInput } from './run.ts';

/** What to look at, as the settings of the installation in `dir` say. @throws VectabaseError CONFIG_INVALID */
export function auditInput(dir: string, target: DatabaseAddress, prove: boolean): AuditInput {
  const { audit, rest } = loadSettings({ dir }).settings;
  return {
    target,
    prove,
    schemas: rest.schemas,
    roles: audit.roles,
    accepted: audit.accepted,
    rules: {
      credential: audit.credentialColumns,
      payment: audit.paymentColumns,
      personal: audit.personalColumns,
      earned: audit.earnedColumns,
    },
  };
}
