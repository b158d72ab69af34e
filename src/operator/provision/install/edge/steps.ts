import { readFile } from 'node:fs/promises';
import { assetPath } from '../../../../foundation/core/assets.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { fileStep, type ManagedFile } from '../kinds/file.ts';
import { packagesStep } from '../kinds/packages.ts';
import { unitStep } from '../kinds/unit.ts';
import type { InstallSettings, Machine, Step } from '../step.ts';
import { parseSockets } from '../host/sockets.ts';
import { caddyfiles, CONFIGURATION, HANDED } from './caddyfile.ts';
import { ownCertificate, requireGoodCertificate } from './own-certificate.ts';

const UNITS = '/etc/systemd/system';
const EDGE = 'vectabase-edge.service';
const RENEWED = 'vectabase-edge-certificate';
const INSTALL = '/usr/bin/install --owner=caddy --group=caddy --mode=0400';

/** HTTPS in front of the API: a Caddy of our own, with certificates that it gets itself or the owner's. */
export function edgeSteps(settings: InstallSettings): readonly Step[] {
  if (settings.edge === 'none') return [];
  const { main, site } = caddyfiles(settings);
  const own = settings.edge === 'own-certificate';
  const files = fileStep({
    id: 'edge.files',
    title: 'HTTPS for the public URL',
    files: async () => [
      { path: `${CONFIGURATION}/Caddyfile`, content: main },
      { path: `${CONFIGURATION}/site.caddy`, content: site },
      { path: `${UNITS}/${EDGE}`, content: await readFile(assetPath('systemd', EDGE), 'utf8') },
      ...(own ? certificateFiles(settings) : []),
    ],
    onChange: [['systemctl', 'daemon-reload']],
  });
  const caddy = { id: 'edge.packages', title: 'Caddy', packages: ['caddy'], holdBack: ['caddy.service'] };
  const packages = packagesStep(caddy);
  return [
    {
      ...packages,
      /** What would fail is refused before anything is installed. */
      async detect(machine) {
        await requirePorts(machine, settings);
        if (own) await requireGoodCertificate(ownCertificate(settings), settings.publicUrl ?? '', Date.now());
        return packages.detect(machine);
      },
    },
    files,
    unitStep({
      id: 'edge.unit',
      title: 'HTTPS that runs',
      unit: EDGE,
      restartOn: [`${UNITS}/${EDGE}`, `${UNITS}/${EDGE}.d/50-certificate.conf`],
      reloadOn: [`${CONFIGURATION}/Caddyfile`, `${CONFIGURATION}/site.caddy`],
    }),
    ...(own
      ? [unitStep({ id: 'edge.renewal', title: 'a renewed certificate, taken over', unit: `${RENEWED}.path` })]
      : []),
  ];
}

/** The key stays where its owner keeps it, for root alone; the edge is handed a copy in memory. */
function certificateFiles(settings: InstallSettings): ManagedFile[] {
  const { certificate, key } = ownCertificate(settings);
  const copies = [`${INSTALL} ${certificate} ${HANDED.certificate}`, `${INSTALL} ${key} ${HANDED.key}`];
  const [reload] = [`/usr/bin/caddy reload --config ${CONFIGURATION}/Caddyfile --adapter caddyfile`];
  return [
    {
      path: `${UNITS}/${EDGE}.d/50-certificate.conf`,
      content: [
        '[Service]',
        ...copies.map((copy) => `ExecStartPre=+${copy}`),
        'ExecReload=',
        ...copies.map((copy) => `ExecReload=+${copy}`),
        `ExecReload=${reload} --address unix//run/vectabase-edge/admin.sock --force`,
        '',
      ].join('\n'),
    },
    {
      path: `${UNITS}/${RENEWED}.path`,
      content: `[Unit]\nDescription=Vectabase: a renewed certificate\n\n[Path]\nPathChanged=${certificate}\nPathChanged=${key}\n\n[Install]\nWantedBy=multi-user.target\n`,
    },
    {
      path: `${UNITS}/${RENEWED}.service`,
      content: `[Unit]\nDescription=Vectabase: take over a renewed certificate\n\n[Service]\nType=oneshot\n# Certificate and key are written one after the other.\nExecStartPre=/bin/sleep 2\nExecStart=/usr/bin/systemctl try-reload-or-restart ${EDGE}\n`,
    },
  ];
}

/** @throws VectabaseError PORT_IN_USE when another web server is there */
async function requirePorts(machine: Machine, { publicUrl }: InstallSettings): Promise<void> {
  const { stdout: active } = await machine.ask(['systemctl', 'is-active', EDGE]);
  if (active.trim() === 'active') return;
  const { stdout } = await machine.ask(['ss', '-Htlnp']);
  const wanted = [80, Number(new URL(publicUrl ?? 'https://localhost').port || 443)];
  const taken = parseSockets(stdout).find(({ port }) => wanted.includes(port));
  if (taken === undefined) return;
  const program = taken.programs[0] ?? 'another program';
  throw new VectabaseError('PORT_IN_USE', {
    message: `port ${taken.port} is taken by ${program}, so HTTPS cannot be served there`,
    hint: `Stop ${program}; or let it end TLS for the API, which is on loopback, and run: vectabase install --edge none`,
    details: { port: taken.port, program },
  });
}
