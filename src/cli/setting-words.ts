import type { SettingInfo } from '../foundation/config/settings.ts';

/** The value of a setting as it may be shown: of a secret only whether it is set. */
export function shownSetting({ secret, key }: SettingInfo, settings: object): unknown {
  const value = key.split('.').reduce<unknown>((level, name) => (level as Record<string, unknown>)[name], settings);
  if (secret) return value === undefined || isEmpty(value) ? 'unset' : 'set';
  return value ?? null;
}

/** As `config set` takes it back. */
export function settingInWords(value: unknown): string {
  if (value === null) return 'unset';
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
