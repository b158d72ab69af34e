import { isMap, isScalar, type Document } from 'yaml';

/**
 * A change that a release makes to the owner's vectabase.yml: a setting that was renamed, split or retired. Both ways bear
 * being run twice, and `down` bears that `up` never ran: an upgrade can be killed between any two of its steps.
 */
export interface ConfigMigration {
  /** One more than the one before; never reused. */
  readonly number: number;
  /** Lower case, for the plan. */
  readonly title: string;
  up(document: Document): void;
  down(document: Document): void;
}

/** In ascending order. None so far: no setting of a release was ever renamed. */
export const CONFIG_MIGRATIONS: readonly ConfigMigration[] = [];

/** Moves a setting, with its comments, to another key. Nothing where it is not set; one that is there already stays. */
export function moveSetting(document: Document, from: string, to: string): void {
  const [[oldSection = '', oldName = ''], [section = '', name = '']] = [from.split('.'), to.split('.')];
  const source = document.get(oldSection, true);
  if (!isMap(source)) return;
  const pair = source.items.find(({ key }) => String(key) === oldName);
  if (pair === undefined) return;
  source.delete(oldName);
  // An old release knows no such section, and would refuse the file for it.
  if (source.items.length === 0) document.delete(oldSection);
  if (document.hasIn([section, name])) return;
  if (!isMap(document.get(section, true))) document.set(section, document.createNode({}));
  const target = document.get(section, true);
  if (isScalar(pair.key)) pair.key.value = name;
  if (isMap(target)) target.add(pair);
}
