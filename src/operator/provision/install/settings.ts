import type { Settings } from '../../../foundation/config/definitions.ts';
import type { InstallSettings, Volume } from './step.ts';

/** What the steps are built from, out of the settings of the machine. */
export function toInstallSettings({ api, install }: Pick<Settings, 'api' | 'install'>): InstallSettings {
  return {
    postgresMajor: install.postgresMajor as InstallSettings['postgresMajor'],
    postgresPort: install.postgresPort,
    poolerPort: install.poolerPort,
    apiPort: api.port,
    publicUrl: api.publicUrl,
    edge: install.edge,
    certificateAuthority: install.certificateAuthority,
    acmeEmail: install.acmeEmail,
    certificateFile: install.certificateFile,
    certificateKeyFile: install.certificateKeyFile,
    volume: parseVolume(install.volume),
    volumeKey: install.volumeKey,
    recoveryFile: undefined,
    passphrase: undefined,
    listen: install.listen,
    openPorts: install.openPorts,
    hardenHost: install.hardenHost,
  };
}

const UNITS = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const;

/** `luks-file:50G` and its like; what is accepted was decided when the settings were read. */
export function parseVolume(text: string): Volume {
  const [kind = '', rest = ''] = text.split(/:(.*)/s);
  switch (kind) {
    case 'luks':
      return { kind, device: rest };
    case 'luks-file':
      return { kind, bytes: Number.parseInt(rest, 10) * UNITS[rest.slice(-1) as keyof typeof UNITS] };
    case 'existing':
    case 'plaintext':
      return { kind };
    default:
      return { kind: 'fscrypt' };
  }
}

/** The same, as it is written into `vectabase.yml`: by key, with nothing where it is unset. */
export function settingValues(settings: InstallSettings): ReadonlyArray<readonly [key: string, value: unknown]> {
  return [
    ['api.port', settings.apiPort],
    ['api.publicUrl', settings.publicUrl],
    ['install.postgresMajor', settings.postgresMajor],
    ['install.postgresPort', settings.postgresPort],
    ['install.poolerPort', settings.poolerPort],
    ['install.listen', settings.listen],
    ['install.edge', settings.edge],
    ['install.certificateAuthority', settings.certificateAuthority],
    ['install.acmeEmail', settings.acmeEmail],
    ['install.certificateFile', settings.certificateFile],
    ['install.certificateKeyFile', settings.certificateKeyFile],
    ['install.volume', volumeText(settings.volume)],
    ['install.volumeKey', settings.volumeKey],
    ['install.openPorts', settings.openPorts],
    ['install.hardenHost', settings.hardenHost],
  ];
}

export function volumeText(volume: Volume): string {
  if (volume.kind === 'luks') return `luks:${volume.device}`;
  if (volume.kind !== 'luks-file') return volume.kind;
  const [unit, size] = Object.entries(UNITS).findLast(([, bytes]) => volume.bytes % bytes === 0) ?? ['M', UNITS.M];
  return `luks-file:${volume.bytes / size}${unit}`;
}
