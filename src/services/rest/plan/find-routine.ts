import { ambiguousRoutine, routineNotFound, type MissingRoutine } from '../schema/errors.ts';
import { keyOf, type Routine, type SchemaCache } from '../schema/model.ts';

export interface FoundRoutine {
  readonly routine: Routine;
  /** The whole body is its only, unnamed argument. */
  readonly wholeBody: boolean;
}

const WHOLE_BODY: Readonly<Record<string, readonly string[]>> = {
  'application/json': ['json', 'jsonb'],
  'text/plain': ['text'],
  'text/xml': ['xml'],
  'application/octet-stream': ['bytea'],
};

/**
 * The overload that these arguments mean: all that it requires are given, and it knows all that are given. A function
 * of one unnamed parameter takes the body when none fits.
 *
 * @throws RestError PGRST202, PGRST203
 */
export function findRoutine(wanted: MissingRoutine, cache: SchemaCache): FoundRoutine {
  const overloads = cache.routines.get(keyOf(wanted)) ?? [];
  const types = WHOLE_BODY[wanted.bodyType ?? ''] ?? [];
  const bare = overloads.filter(({ parameters: [first, ...more] }) => {
    return first?.name === '' && more.length === 0 && types.includes(first.type);
  });
  const named = takesNames(wanted.bodyType) ? overloads.filter((each) => accepts(each, wanted.args)) : [];
  const found = named.length > 0 ? named : bare;
  const [first, second] = found;
  if (!first) throw routineNotFound(wanted, cache);
  if (second) throw ambiguousRoutine(found);
  return { routine: first, wholeBody: named.length === 0 };
}

function takesNames(bodyType: string | undefined): boolean {
  return bodyType === undefined || bodyType === 'application/json' || WHOLE_BODY[bodyType] === undefined;
}

function accepts({ parameters }: Routine, args: readonly string[]): boolean {
  return (
    args.every((name) => name !== '' && parameters.some((each) => each.name === name)) &&
    parameters.every(({ name, required, variadic }) => !required || variadic || args.includes(name))
  );
}
