import { completed } from '../../src/foundation/config/runtime-file.ts';
import { toInstallSettings } from '../../src/operator/provision/install/settings.ts';
import type { InstallSettings } from '../../src/operator/provision/install/step.ts';

/** What an owner gets who chooses nothing but what is given. */
export function installSettings(chosen: Partial<InstallSettings> = {}): InstallSettings {
  return { ...toInstallSettings({ api: completed('api', {}), install: completed('install', {}) }), ...chosen };
}
