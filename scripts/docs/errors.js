import { GENERATED, table } from './markdown.js';

/** One section an exit code, one row an error. */
export function errorsPage(catalogue, exitCodes) {
  const sections = exitCodes.flatMap(([code, meaning]) => {
    const errors = Object.entries(catalogue).filter(([, { exitCode }]) => exitCode === code);
    if (errors.length === 0) return [];
    const rows = errors.map(([name, { doc }]) => [`<a id="${name.toLowerCase()}"></a>\`${name}\``, doc]);
    return [`## Exit code ${code}: ${meaning}`, '', ...table(['code', 'what it means'], rows), ''];
  });
  return [
    '# Errors',
    '',
    GENERATED,
    '',
    'Every error carries a stable code, what failed, what to do next, and an exit code. In `--json` mode it is one',
    'document of a fixed shape, `{"error":{"code","message","hint","details","exitCode"}}`, which never holds arguments,',
    'settings or secrets. A code keeps its meaning for ever; a retired one is not used again.',
    '',
    ...sections,
  ].join('\n');
}
