import type { Access, Finding, PolicyFacts, RelationFacts, Severity } from './model.ts';

/** The role of a request without a token. */
export const ANONYMOUS = 'anon';

export function rank(severity: Severity): number {
  return ['critical', 'high', 'medium', 'low'].indexOf(severity);
}

export function rolesOf(access: readonly Access[]): string[] {
  return [...new Set(access.filter(({ reach }) => reach !== 'none').map(({ role }) => role))];
}

export function commandsOf(access: readonly Access[]): string[] {
  const names = { select: 'read', insert: 'insert', update: 'update', delete: 'delete' };
  return [...new Set(access.filter(({ reach }) => reach !== 'none').map(({ command }) => names[command]))];
}

export function policiesOf(access: readonly Access[]): PolicyFacts[] {
  return [...new Set(access.flatMap(({ policies }) => policies))];
}

export function finding({ schema, name }: RelationFacts, rest: Omit<Finding, 'id' | 'target' | 'proofs'>): Finding {
  const target = `${schema}.${name}`;
  return { id: `${rest.kind.replaceAll(' ', '-')}:${target}`, target, proofs: [], ...rest };
}
