import { resolve } from 'node:path/posix';
import * as z from 'zod';
import { safeText } from '../ui/text/safe.ts';
import type { Psql } from './postgres-psql.ts';
import type { Change, Problem, ServiceFiles, Situation } from './target.ts';

/** The settings that name the files, and what of the set belongs to each. */
const FILES = {
  ssl_cert_file: 'certificate',
  ssl_key_file: 'key',
  ssl_ca_file: 'trustBundle',
  ssl_crl_file: 'crl',
} as const satisfies Record<string, keyof ServiceFiles>;

/** Those that may be empty: it then asks for no client certificate, or reads no CRL. */
const OPTIONAL = new Set(['ssl_ca_file', 'ssl_crl_file']);

/** What its configuration says of TLS. */
export interface Settings {
  values: ReadonlyMap<string, string>;
  /** Undefined for a role that may not see it. */
  dataDirectory: string | undefined;
}

/** @throws ERR_REMOTE, ERR_TIMEOUT */
export async function readSettings(psql: Psql): Promise<Settings> {
  const names = [...Object.keys(FILES), 'ssl', 'port', 'data_directory'].map((name) => `'${name}'`).join(', ');
  const rows = await psql.rows(
    `select name, setting from pg_settings where name in (${names})`,
    z.object({ name: z.string(), setting: z.string() }),
  );
  const values = new Map(rows.map(({ name, setting }) => [name, setting]));
  return { values, dataDirectory: values.get('data_directory') };
}

/** What of the configuration would make new files useless. */
export function settingProblems(situation: Situation<unknown>, settings: Settings, { crl }: Change): Problem[] {
  const { service, files, warn } = situation;
  const { values, dataDirectory } = settings;
  if (values.get('ssl') !== 'on')
    return [
      {
        message: `${service.label} (the server on port ${values.get('port')} that psql reaches) has ssl switched off`,
        hint: 'ALTER SYSTEM SET ssl = on, with ssl_cert_file, ssl_key_file and ssl_ca_file; docs/servers/postgres.md shows it',
      },
    ];
  const problems: Problem[] = [];
  for (const [name, file] of Object.entries(FILES)) {
    const value = values.get(name) ?? '';
    if (value === '' && OPTIONAL.has(name)) {
      if (crl && name === 'ssl_crl_file') warn(`${service.label} has no ssl_crl_file: it lets revoked certificates in`);
      continue;
    }
    const wanted = files[file];
    const same =
      value.startsWith('/') || dataDirectory !== undefined
        ? resolve(dataDirectory ?? '/', value) === resolve(wanted)
        : value !== '' && wanted.endsWith(`/${value}`);
    if (same) continue;
    problems.push({
      message: `${service.label} (the server on port ${values.get('port')} that psql reaches) has ${name} ${value === '' ? 'empty' : safeText(value)}, and not ${wanted}`,
      hint: `ALTER SYSTEM SET ${name} = '${wanted}', and SELECT pg_reload_conf(); or say its directory in the inventory: dir`,
    });
  }
  return problems;
}

const fileError = z.object({
  sourcefile: z.string().nullable(),
  sourceline: z.number().nullable(),
  name: z.string().nullable(),
  error: z.string(),
});

/**
 * Errors in its configuration files with which a reload changes nothing of the configuration, and the next start
 * fails. A setting that waits for a restart is none. Nothing for a role that may not see them.
 * @throws ERR_REMOTE, ERR_TIMEOUT
 */
export async function configurationErrors(psql: Psql): Promise<string[]> {
  const { may } = await psql.row(
    `select has_table_privilege('pg_file_settings', 'select') and has_function_privilege('pg_show_all_file_settings()', 'execute') as may`,
    z.object({ may: z.boolean() }),
  );
  if (!may) return [];
  const rows = await psql.rows(
    `select sourcefile, sourceline, name, error from pg_file_settings where error is not null and error <> 'setting could not be applied' order by seqno limit 5`,
    fileError,
  );
  return rows.map(({ sourcefile, sourceline, name, error }) =>
    safeText(`${sourcefile}:${sourceline}: ${name === null ? '' : `${name}: `}${error}`),
  );
}
