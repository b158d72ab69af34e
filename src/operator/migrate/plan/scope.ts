import { MANAGED_SCHEMAS, PLATFORM_TABLES } from '../../../foundation/postgres/managed.ts';

/** Schemas whose rows move, and whose objects are made only where the target lacks them. */
export function isManagedSchema(schema: string): boolean {
  return MANAGED_SCHEMAS.includes(schema);
}

/** Tables that record which of the platform's own migrations ran on the source: not the target's history. */
export function staysBehind(table: string): boolean {
  return PLATFORM_TABLES.includes(table);
}
