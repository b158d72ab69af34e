import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findViolations } from './support/architecture-rules.ts';
import { scanText, scanTree } from './support/scan.ts';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');

describe('the house', () => {
  const files = scanTree(root, ['src', 'bin', 'scripts', 'bench', 'test']);

  test('is walked: the rules below have something to bite', () => {
    expect(files.map((file) => file.path)).toEqual(expect.arrayContaining(['src/cli/main.ts', 'bin/run.js']));
    const imports = files.flatMap((file) => file.imports);
    expect(imports).toContainEqual({ target: 'pg', relative: false, kind: 'static' });
    expect(imports).toContainEqual({ target: 'src/foundation/core/errors.ts', relative: true, kind: 'static' });
    const known = new Set(files.map((file) => file.path));
    const unresolved = files
      .filter((file) => file.path.startsWith('src/'))
      .flatMap((file) => file.imports.filter((each) => each.relative && !known.has(each.target)));
    expect(unresolved).toEqual([]);
  });

  test('keeps its rules', () => {
    expect(findViolations(files)).toEqual([]);
  });
});

/** Each rule is fed what it must refuse, then the nearest thing that it must let pass. */
describe('every rule bites', () => {
  const refused: Array<[file: string, text: string, complaint: RegExp]> = [
    ['src/commands/up.ts', "import { main } from '../daemon/main.ts';", /commands may not import/],
    ['src/commands/up.ts', "import { parse } from '../services/rest/parse.ts';", /commands may not import/],
    ['src/commands/up.ts', "import Demo from './demo.ts';", /commands may not import/],
    ['src/cli/live.ts', "import { plan } from '../operator/migrate/plan.ts';", /cli may not import/],
    ['src/cli/live.ts', "import { connect } from '../foundation/postgres/session.ts';", /cli may not import/],
    ['src/daemon/main.ts', "import { BaseCommand } from '../cli/base-command.ts';", /daemon may not import/],
    ['src/daemon/main.ts', "import { run } from '../operator/migrate/run.ts';", /daemon may not import/],
    ['src/operator/migrate/run.ts', "import { up } from '../provision/up.ts';", /operator\/migrate may not import/],
    ['src/operator/migrate/run.ts', "import type { Up } from '../provision/up.ts';", /operator\/migrate may not/],
    ['src/operator/migrate/run.ts', "const up = await import('../provision/up.ts');", /operator\/migrate may not/],
    ['src/services/rest/parse.ts', "import { verify } from '../auth/verify.ts';", /services\/rest may not import/],
    ['src/services/rest/parse.ts', "export * from '../../operator/migrate/run.ts';", /services\/rest may not import/],
    ['src/foundation/core/errors.ts', "import { env } from '../config/environment.ts';", /foundation\/core may not/],
    ['src/foundation/config/a.ts', "import {\n  seal,\n} from '../crypto/seal.ts';", /foundation\/config may not/],
    ['src/foundation/crypto/a.ts', "import { query } from '../postgres/session.ts';", /foundation\/crypto may not/],
    ['src/foundation/process/a.ts', "import { seal } from '../crypto/seal.ts';", /foundation\/process may not/],
    ['src/foundation/postgres/a.ts', "import { up } from '../../operator/up/up.ts';", /foundation\/postgres may not/],
    ['src/foundation/odd/a.ts', "import { x } from '../core/errors.ts';", /foundation\/odd may not/],
    ['src/shared/util.ts', '', /no room of the house/],
    ['src/cli/main.ts', "import pkg from '../../test/support/scan.ts';", /outside src/],

    ['src/operator/migrate/a.ts', "import { Command } from '@oclif/core';", /belongs to src\/commands/],
    ['src/daemon/main.ts', "import { Listr } from 'listr2';", /belongs to src\/commands/],
    ['src/services/rest/a.ts', "import { input } from '@inquirer/prompts';", /belongs to src\/commands/],
    ['src/services/rest/a.ts', "import type { Request } from 'express';", /belongs to src\/daemon/],
    ['src/operator/migrate/a.ts', "import pino from 'pino';", /belongs to src\/daemon/],
    ['src/operator/migrate/a.ts', "import pg from 'pg';", /belongs to src\/foundation\/postgres/],
    ['src/operator/migrate/a.ts', "import { from } from 'pg-copy-streams';", /belongs to src\/foundation\/postgres/],
    ['src/operator/migrate/a.ts', "const { x } = await import('pg/lib/client.js');", /belongs to src\/foundation/],
    ['src/operator/provision/a.ts', "import { execa } from 'execa';", /belongs to src\/foundation\/process/],
    ['src/operator/provision/a.ts', "import { spawn } from 'node:child_process';", /belongs to src\/foundation\/p/],
    ['src/operator/secrets/a.ts', "import * as age from 'age-encryption';", /belongs to src\/foundation\/crypto/],
    ['src/operator/backup/a.ts', "import { S3mini } from 's3mini';", /belongs to src\/foundation\/objects/],
    ['src/operator/backup/a.ts', "import Sftp from 'ssh2-sftp-client';", /belongs to src\/foundation\/objects/],
    ['src/operator/secrets/a.ts', "import { env } from 'node:process';", /belongs to no room/],

    ['src/operator/migrate/a.ts', 'const home = process.env.HOME;', /uses process\.env/],
    ['src/operator/migrate/a.ts', "const home = process.env['HOME'];", /uses process\.env/],
    ['src/operator/migrate/a.ts', 'const { env } = process;', /uses process\.env/],
    ['src/cli/main.ts', 'process.exit(1);', /uses process\.exit/],
    ['src/operator/migrate/a.ts', 'process.exitCode = 1;', /uses process\.exit/],
    ['src/operator/migrate/a.ts', "process.stderr.write('moving');", /uses the terminal/],
    ['src/cli/main.ts', "console.log('hello');", /uses console/],
    ['src/services/auth/a.ts', "createCipheriv('aes-256-gcm', key, iv);", /uses a cipher/],
    ['src/services/auth/a.ts', 'await import(name);', /uses import\(\) of an expression/],

    ['src/operator/provision/a.ts', "await query('create table vectabase.ledger (id int)');", /definitions live in/],
    ['src/services/auth/a.ts', 'await query(`CREATE OR REPLACE FUNCTION auth.uid()`);', /definitions live in/],
    ['src/services/auth/a.ts', 'await query(`\n  drop policy ${name} on t`);', /definitions live in/],

    ['src/commands/a.ts', "name: Args.string({ description: 'its name' })", /ignoreStdin/],

    ['src/cli/render/index.ts', '', /index\.ts/],
    ['src/operator/migrate/a/b/c.ts', '', /two levels/],
    ['src/cli/long.ts', 'x;\n'.repeat(501), /501 lines/],
    ['test/unit/long.test.ts', 'x;\n'.repeat(501), /501 lines/],
  ];

  test.each(refused)('%s refuses %j', (file, text, complaint) => {
    expect(findViolations([scanText(file, text)]).join('\n')).toMatch(complaint);
  });

  const accepted: Array<[file: string, text: string]> = [
    ['src/commands/up.ts', "import { up } from '../operator/provision/up.ts';"],
    ['src/cli/main.ts', "import { VectabaseError } from '../foundation/core/errors.ts';"],
    ['src/cli/main.ts', '// process.env and console.log are named in a comment'],
    ['src/cli/main.ts', "const url = 'https://example.com'; /* process.exit(1) */"],
    ['src/daemon/main.ts', "import { parse } from '../services/rest/parse.ts';\nprocess.exit(0);"],
    ['src/operator/migrate/catalog/read.ts', "import { run } from '../run.ts';"],
    ['src/operator/migrate/ddl.ts', 'const sql = `create table ${name} ()`;'],
    ['src/operator/provision/a.ts', '/** Creates the table: create table is written in templates/sql/. */'],
    ['src/foundation/postgres/session.ts', "import pg from 'pg';\nimport { x } from '../config/environment.ts';"],
    ['src/foundation/config/environment.ts', 'return process.env;'],
    ['src/cli/fine.ts', 'x;\n'.repeat(500)],
  ];

  test.each(accepted)('%s accepts %j', (file, text) => {
    expect(findViolations([scanText(file, text)])).toEqual([]);
  });

  test('a command that loads a heavy package through others is told the way', () => {
    const command = scanText('src/commands/up.ts', "import { up } from '../operator/provision/up.ts';");
    const job = scanText('src/operator/provision/up.ts', "import { connect } from '../../foundation/postgres/a.ts';");
    const session = scanText('src/foundation/postgres/a.ts', "import pg from 'pg';");
    expect(findViolations([command, job, session])).toEqual([
      'src/commands/up.ts: loads src/operator/provision/up.ts → src/foundation/postgres/a.ts → pg at start-up; use import() inside run()',
    ]);
    const light = scanText(
      'src/commands/up.ts',
      "import type { Up } from '../operator/provision/up.ts';\nawait import('../operator/provision/up.ts');",
    );
    expect(findViolations([light, job, session])).toEqual([]);
  });
});
