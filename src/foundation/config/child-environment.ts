import { environment } from './environment.ts';

/**
 * The environment of a program that is handed secrets, or an editor: ours, without what opens the installation. Settings
 * of ours may hold keys and connection strings, and the program asked for none of them.
 */
export function childEnvironment(values: ReadonlyMap<string, string> = new Map()): Record<string, string> {
  const inherited = Object.entries(environment()).flatMap(([name, value]): Array<[string, string]> => {
    const ours = name.startsWith('VECTABASE_') || name === 'CREDENTIALS_DIRECTORY';
    return ours || value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(inherited), ...Object.fromEntries(values) };
}
