import * as z from 'zod';

const text = z.string().min(1);
/** On the host of the daemon, whose working directory is nobody's business. */
const path = text.regex(/^\//, 'an absolute path');
const severity = z.enum(['info', 'warning', 'critical']);
const address = text.regex(/^[^\s@<>,;"]+@[^\s@<>,;"]+$/, 'a mail address such as ops@example.org');

/** `https`, or on this host `http`: a body that names what is wrong with a cluster is nobody else's. */
const secureUrl = text.refine(
  (value) => isUrl(value, (url) => url.protocol === 'https:' || (url.protocol === 'http:' && isThisHost(url))),
  'an https URL without a password in it (http for 127.0.0.1, [::1] and localhost)',
);
const url = text.refine((value) => isUrl(value), 'an http or https URL without a password in it');

const common = {
  /** Told from this severity on. */
  minSeverity: severity.optional(),
};
/** PEM: whom to trust instead of the system's roots. */
const ca = path.optional();

const webhook = z.strictObject({ ...common, kind: z.literal('webhook'), url: secureUrl, secretFile: path, ca });
const alertmanager = z
  .strictObject({ ...common, kind: z.literal('alertmanager'), url, tokenFile: path.optional(), ca })
  .refine(
    (sink) => sink.tokenFile === undefined || isUrl(sink.url, (it) => it.protocol === 'https:' || isThisHost(it)),
    {
      path: ['url'],
      message: 'an https URL, because of the token',
    },
  );
const smtp = z
  .strictObject({
    ...common,
    kind: z.literal('smtp'),
    server: text.regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/@]+):[1-9]\d{0,4}$/, 'HOST:PORT'),
    from: address,
    to: z.array(address).min(1).max(50),
    user: text.optional(),
    passwordFile: path.optional(),
    /** STARTTLS must be offered; `implicit` is TLS from the first octet (port 465). */
    tls: z.enum(['starttls', 'implicit', 'none']).optional(),
    ca,
  })
  .refine(({ user, passwordFile }) => (user === undefined) === (passwordFile === undefined), {
    path: ['user'],
    message: 'user and passwordFile belong together',
  })
  .refine(({ tls, user }) => tls !== 'none' || user === undefined, {
    path: ['tls'],
    message: 'a password is not sent without TLS',
  });
const exec = z.strictObject({
  ...common,
  kind: z.literal('exec'),
  /** Run without a shell; what there is to tell is its standard input. */
  command: z.array(text).min(1),
  timeout: text.regex(/^[1-9]\d{0,3}[sm]$/, 'a duration such as 30s').optional(),
});

/** Whom the daemon tells of alerts, by a name for each. */
export const alertSinksSchema = z.record(z.string(), z.discriminatedUnion('kind', [webhook, alertmanager, smtp, exec]));

export type WebhookConfiguration = z.infer<typeof webhook>;
export type AlertmanagerConfiguration = z.infer<typeof alertmanager>;
export type SmtpConfiguration = z.infer<typeof smtp>;
export type ExecConfiguration = z.infer<typeof exec>;
export type SinkConfiguration =
  | WebhookConfiguration
  | AlertmanagerConfiguration
  | SmtpConfiguration
  | ExecConfiguration;

function isUrl(value: string, suits: (url: URL) => boolean = () => true): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && suits(url);
}

function isThisHost({ hostname }: URL): boolean {
  return /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/.test(hostname);
}
