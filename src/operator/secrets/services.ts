import { secretsOf } from './document.ts';
import { mayShow, type Service } from './known-names.ts';
import type { SecretStore } from './store.ts';

/** Values that one service may see. Nothing of it is met by printing it: JSON and inspect show no private field. */
export class ServiceSecrets {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string> = new Map()) {
    this.#values = values;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  get names(): readonly string[] {
    return [...this.#values.keys()];
  }

  equals(other: ServiceSecrets): boolean {
    return this.names.length === other.names.length && this.names.every((name) => this.get(name) === other.get(name));
  }
}

/** Hands one service its own names, and no others. The log of accesses says which. */
export async function secretsForService(store: SecretStore, service: Service): Promise<ServiceSecrets> {
  const document = await store.read({
    operation: 'load',
    to: service,
    names: (read) => secretsOf(read).flatMap(({ name }) => (mayShow(service, name) ? [name] : [])),
  });
  const own = secretsOf(document).filter(({ name }) => mayShow(service, name));
  return new ServiceSecrets(new Map(own.map(({ name, value }) => [name, value])));
}
