import { RestError } from '../errors.ts';
import { nearest } from './fuzzy.ts';
import { keyOf, type QualifiedName, type Relationship, type Routine, type SchemaCache } from './model.ts';

/** Likeness that a hint about a table or a function needs; parameters are told more freely. */
const CLOSE = 0.75;
const LOOSE = 0.33;

export function tableNotFound({ schema, name }: QualifiedName, cache: SchemaCache): RestError {
  const names = [...cache.relations.values()].filter((each) => each.schema === schema).map((each) => each.name);
  const near = nearest(name, names, CLOSE);
  return new RestError({
    status: 404,
    code: 'PGRST205',
    message: `Could not find the table '${schema}.${name}' in the schema cache`,
    hint: near === undefined ? null : `Perhaps you meant the table '${schema}.${near}'`,
  });
}

export function columnNotFound(relation: string, column: string): RestError {
  const message = `Could not find the '${column}' column of '${relation}' in the schema cache`;
  return new RestError({ status: 400, code: 'PGRST204', message });
}

export function noRelationship(
  origin: QualifiedName,
  target: string,
  hint: string | undefined,
  cache: SchemaCache,
): RestError {
  const using = hint === undefined ? '' : ` using the hint '${hint}'`;
  return new RestError({
    status: 400,
    code: 'PGRST200',
    message: `Could not find a relationship between '${origin.name}' and '${target}' in the schema cache`,
    details: `Searched for a foreign key relationship between '${origin.name}' and '${target}'${using} in the schema '${origin.schema}', but no matches were found.`,
    hint: relationshipHint(origin, target, cache),
  });
}

export function ambiguousRelationship(origin: string, target: string, found: readonly Relationship[]): RestError {
  const names = found.map((each) => `'${each.target.name}!${disambiguation(each)}'`).join(', ');
  return new RestError({
    status: 300,
    code: 'PGRST201',
    message: `Could not embed because more than one relationship was found for '${origin}' and '${target}'`,
    details: found.map(describe),
    hint: `Try changing '${target}' to one of the following: ${names}. Find the desired relationship in the 'details' key.`,
  });
}

/** What was asked of a function that nobody wrote. */
export interface MissingRoutine extends QualifiedName {
  readonly args: readonly string[];
  /** `application/json`, `text/plain`, …, of a POST; undefined for GET. */
  readonly bodyType: string | undefined;
}

const UNNAMED: Readonly<Record<string, string>> = {
  'text/plain': 'text',
  'text/xml': 'xml',
  'application/octet-stream': 'bytea',
};

export function routineNotFound(missing: MissingRoutine, cache: SchemaCache): RestError {
  const { schema, name, args, bodyType } = missing;
  const list = args.join(', ');
  const single = UNNAMED[bodyType ?? ''];
  const plain = args.length === 0 ? ' without parameters' : undefined;
  const withArgs = plain ?? ` with parameter${args.length > 1 ? 's' : ''} ${list}`;
  const tried =
    single === undefined
      ? withArgs + (bodyType === 'application/json' ? ' or with a single unnamed json/jsonb parameter' : '')
      : ` with a single unnamed ${single} parameter`;
  return new RestError({
    status: 404,
    code: 'PGRST202',
    message: `Could not find the function ${schema}.${name}${single === undefined ? (plain ?? `(${list})`) : ''} in the schema cache`,
    details: `Searched for the function ${schema}.${name}${tried}, but no matches were found in the schema cache.`,
    hint: single === undefined ? routineHint(missing, cache) : null,
  });
}

export function ambiguousRoutine(found: readonly Routine[]): RestError {
  const signatures = found.map(
    ({ schema, name, parameters }) =>
      `${schema}.${name}(${parameters.map((each) => `${each.name} => ${each.type}`).join(', ')})`,
  );
  return new RestError({
    status: 300,
    code: 'PGRST203',
    message: `Could not choose the best candidate function between: ${signatures.join(', ')}`,
    hint: 'Try renaming the parameters or the function itself in the database so function overloading can be resolved',
  });
}

function relationshipHint(origin: QualifiedName, target: string, cache: SchemaCache): string | null {
  const known = cache.relationships.get(keyOf(origin));
  if (known) {
    const names = known.filter((each) => each.target.schema === origin.schema).map((each) => each.target.name);
    const near = names.includes(target) ? undefined : nearest(target, names, LOOSE);
    return near === undefined ? null : `Perhaps you meant '${near}' instead of '${target}'.`;
  }
  const parents = [...cache.relationships.values()].flatMap(([first]) =>
    first?.source.schema === origin.schema ? [first.source.name] : [],
  );
  const near = nearest(origin.name, parents, LOOSE);
  return near === undefined ? null : `Perhaps you meant '${near}' instead of '${origin.name}'.`;
}

function routineHint({ schema, name, args }: MissingRoutine, cache: SchemaCache): string | null {
  const overloads = cache.routines.get(keyOf({ schema, name }));
  const signature = (names: readonly string[]): string => `(${names.toSorted().join(', ')})`;
  const near = overloads
    ? nearest(
        signature(args),
        overloads.map(({ parameters }) => signature(parameters.map((each) => each.name))),
        LOOSE,
      )
    : nearest(
        name,
        [...cache.routines.values()].flatMap(([first]) => (first?.schema === schema ? [first.name] : [])),
        CLOSE,
      );
  if (near === undefined) return null;
  return `Perhaps you meant to call the function ${schema}.${overloads ? name : ''}${near}`;
}

function disambiguation(each: Relationship): string {
  if (each.cardinality === 'computed') return each.routine.name;
  return each.cardinality === 'many-to-many' ? each.junction.name : each.constraint;
}

function describe(each: Relationship): Record<string, string> {
  const embedding = `${each.source.name} with ${each.target.name}`;
  if (each.cardinality === 'computed') return {};
  const list = (names: readonly string[]): string => `(${names.join(', ')})`;
  const relationship =
    each.cardinality === 'many-to-many'
      ? `${each.junction.name} using ${each.sourceConstraint}${list(each.sourceColumns.map((pair) => pair[1]))} and ${each.targetConstraint}${list(each.targetColumns.map((pair) => pair[0]))}`
      : `${each.constraint} using ${each.source.name}${list(each.columns.map((pair) => pair[0]))} and ${each.target.name}${list(each.columns.map((pair) => pair[1]))}`;
  return { cardinality: each.cardinality, embedding, relationship };
}
