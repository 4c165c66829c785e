import type { Context } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { planInit } from '../init/init.ts';
import { type InitOptions, policyOptions } from '../init/options.ts';
import { LAYOUT, policyLines } from '../init/render.ts';
import { checkPlaceIsFree } from '../keystore/creation/place.ts';
import { isGiven } from '../secrets/inputs.ts';
import { passphraseGiven } from '../secrets/resolve.ts';
import { keyValues, paragraph } from '../ui/text/lines.ts';
import { shellWords } from '../ui/text/shell-words.ts';
import type { Style } from '../ui/text/style.ts';
import { ordinaryInputs, type UnlockOptions } from '../unlocking.ts';
import { type Answers, policySoFar, withoutDefaults } from './answers.ts';
import { initWords, kebab } from './command-line.ts';
import { askPlace, placeFor } from './place.ts';
import { askAdvanced, askCluster, askDomains, askKeyType, askPlanes, askRanges } from './questions.ts';
import { askSecret } from './secret.ts';

/** What it comes to: `init`'s arguments as if they had been typed, and a passphrase, if one was. */
export interface WizardResult {
  cluster: string;
  options: InitOptions;
  keystore: string | undefined;
  passphrase: string | undefined;
  /** The last screen: the command line that does the same. */
  lastScreen: string;
}

/**
 * Asks for what `init` needs and was not given, shows what it will make and what of it is for good, and wants a yes.
 * Nothing is made here.
 * @throws ERR_CANCELLED
 */
export async function initWizard(ctx: Context, given: InitOptions): Promise<WizardResult> {
  const prompts = await ctx.ui.prompts();
  const style = ctx.ui.style('stderr');
  ctx.ui.screen(paragraph(INTRO, style));
  const cluster = await askCluster(prompts, (name) => checkPlaceIsFree(placeFor(ctx, name)));
  let answers: Answers = { ...policyOptions(given), cluster };
  for (const question of [askDomains, askRanges, askPlanes, askKeyType, askAdvanced])
    answers = await question(answers, prompts);
  const keystore = await askPlace(ctx, cluster, prompts);
  const secret = secretIsGiven(ctx, given) ? undefined : await askSecret(ctx, cluster, prompts);
  const keyFile = secret !== undefined && 'keyFile' in secret ? secret.keyFile : undefined;
  const passphrase = secret !== undefined && 'passphrase' in secret ? secret.passphrase : undefined;
  answers = { ...answers, keystore, keyFile };
  const opened = keyFile ?? (passphrase === undefined ? 'the secret that the options give' : 'the passphrase');
  ctx.ui.screen(summary(answers, keystore ?? placeFor(ctx, cluster), opened, style));
  if (!given.dryRun && !(await prompts.confirm('Make it?', true)))
    throw new ClusterCaError('ERR_CANCELLED', 'nothing was made: you said no');
  const { domains: domain, planes: plane, keyFile: ownKeyFile = given.keyFile, ...rest } = withoutDefaults(answers);
  const options = { ...given, ...rest, domain, plane, ...(ownKeyFile === undefined ? {} : { keyFile: ownKeyFile }) };
  const command = shellWords([...initWords(answers), ...flagWords(given)]);
  return { cluster, options, keystore, passphrase, lastScreen: lastScreen(command, passphrase, style) };
}

const INTRO = `A wizard for a new keystore: the private CA of one cluster. Enter takes the answer in brackets; Ctrl-C \
leaves, and nothing is made before the last question.`;

/** True when a flag or the environment says what opens the keystore. */
function secretIsGiven(ctx: Context, options: UnlockOptions): boolean {
  const inputs = ordinaryInputs(options);
  return isGiven(inputs) || passphraseGiven(inputs, ctx.env) || ctx.env.CLUSTER_CA_KEY_FILE !== undefined;
}

function summary(answers: Answers, location: string, opened: string, style: Style): string[] {
  const plan = planInit({ cluster: answers.cluster, policy: policySoFar(answers), location });
  const place = [
    { label: 'keystore', value: location },
    { label: 'opened by', value: opened },
  ];
  return ['', ...policyLines(plan, style), style.accent('where'), ...keyValues(place, style, LAYOUT), ''];
}

/** Flags that the wizard was called with and does not ask about. */
const OTHERS = [
  'passphraseFd',
  'passphraseFile',
  'passphraseCommand',
  'keyFile',
  'rootPassphraseFd',
  'rootPassphraseFile',
  'rootPassphraseCommand',
  'rootKeystore',
  'token',
  'rootToken',
  'pinFd',
  'pinFile',
  'pinCommand',
] as const;

function flagWords(given: InitOptions): string[] {
  const words = OTHERS.flatMap((name) => (given[name] === undefined ? [] : [`--${kebab(name)}`, given[name]]));
  return given.allowGroupRead ? [...words, '--allow-group-read'] : words;
}

/** The command stands alone and unbroken, so that it can be copied. */
function lastScreen(command: string, passphrase: string | undefined, style: Style): string {
  const asks = passphrase === undefined ? '' : ' (it asks for the passphrase; in a script add --passphrase-file PATH)';
  return ['', ...paragraph(`The command that does the same${asks}:`, style), `  ${style.accent(command)}`].join('\n');
}
