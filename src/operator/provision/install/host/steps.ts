import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { assetPath } from '../../../../foundation/core/assets.ts';
import { fileStep, type ManagedFile } from '../kinds/file.ts';
import { packagesStep } from '../kinds/packages.ts';
import type { InstallSettings, Step } from '../step.ts';
import { firewallStep } from './firewall-step.ts';

/**
 * What a machine on the internet needs whatever runs on it. No kernel settings: our units are kept out of swap by their
 * own limit, and overcommit stays as it is, as V8 reserves far more address space than it uses.
 */
export function hostSteps(settings: InstallSettings): readonly Step[] {
  if (!settings.hardenHost) return [];
  return [
    packagesStep({
      id: 'host.packages',
      title: 'security updates and firewall',
      packages: ['unattended-upgrades', 'nftables'],
    }),
    fileStep({
      id: 'host.upgrades',
      title: 'security updates by themselves',
      files: async () => [
        await fromTemplate('upgrades.conf', '/etc/apt/apt.conf.d/52vectabase-upgrades'),
        await fromTemplate('after-upgrades.conf', '/etc/systemd/system/apt-daily-upgrade.service.d/50-vectabase.conf'),
        ...(existsSync('/etc/needrestart/conf.d')
          ? [await fromTemplate('needrestart.conf', '/etc/needrestart/conf.d/50-vectabase.conf')]
          : []),
      ],
      onChange: [['systemctl', 'daemon-reload']],
    }),
    fileStep({
      id: 'host.journal',
      title: 'a journal that does not fill the disk',
      files: async () => [await fromTemplate('journald.conf', '/etc/systemd/journald.conf.d/50-vectabase.conf')],
      onChange: [['systemctl', 'restart', 'systemd-journald.service']],
    }),
    fileStep({
      id: 'host.firewall-unit',
      title: 'the unit of the firewall',
      files: async () => [
        {
          path: '/etc/systemd/system/vectabase-firewall.service',
          content: await readFile(assetPath('systemd', 'vectabase-firewall.service'), 'utf8'),
        },
      ],
      onChange: [['systemctl', 'daemon-reload']],
    }),
    firewallStep(settings),
  ];
}

async function fromTemplate(name: string, path: string): Promise<ManagedFile> {
  return { path, content: await readFile(assetPath('templates', 'host', name), 'utf8') };
}
