import { descriptorsFromSystemd, type Descriptors } from './activation.ts';
import { openServiceManager, type ServiceManager } from './notify.ts';
import { ordersOfSupervisor } from './orders.ts';
import type { News } from './tell.ts';

/** Where this process stands: by itself, or as a worker below a supervisor. */
export interface Station {
  /** Who wants to hear how we are: systemd, or the supervisor. */
  readonly manager: ServiceManager;
  /** Sockets that are open already. */
  readonly descriptors: Descriptors;
  /** Whether it does what is done once on a machine: jobs, the admin listener, the archive. */
  readonly lead: boolean;
  /** Where the supervisor listens for us; undefined when we listen. */
  readonly url: string | undefined;
}

export function stationOfMain(): Station {
  const descriptors = descriptorsFromSystemd();
  return { manager: openServiceManager(descriptors), descriptors, lead: true, url: undefined };
}

export async function stationOfWorker(): Promise<Station> {
  const { url, lead, descriptors, watchdog } = await ordersOfSupervisor();
  const say = (news: News): void => void process.send?.(news);
  const nothing = (): void => undefined;
  const manager = {
    watchdog,
    ready: () => say('reloaded'),
    reloading: nothing,
    stopping: nothing,
    status: nothing,
    alive: () => say('alive'),
  };
  return { manager, descriptors: new Map(descriptors), lead, url };
}
