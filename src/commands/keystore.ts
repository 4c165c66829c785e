import { Command } from 'commander';
import type { Context } from '../context.ts';
import { runBackup } from './keystore/backup.ts';
import { runCheck } from './keystore/check.ts';
import { runPassphrase } from './keystore/passphrase.ts';
import { runRestore } from './keystore/restore.ts';
import { runRewrap } from './keystore/rewrap.ts';
import { runSlotAdd, runSlotList, runSlotRemove } from './keystore/slot.ts';
import {
  choice,
  dryRun,
  repeatable,
  withNewPassphrase,
  withPassphrase,
  withRootKeystore,
  withRootPassphrase,
} from './options.ts';

export function keystoreCommand(ctx: Context): Command {
  const command = new Command('keystore').summary('check the keystore, change what opens it');
  command.addCommand(
    withRootPassphrase(
      withPassphrase(
        dryRun(
          new Command('check')
            .summary('check the integrity of everything; with a secret, also that the keys open')
            .option('--repair', 'rebuild what is derived')
            .option('--accept-rollback', 'this older copy is wanted: forget what was seen after it'),
        ),
      ),
    ).action((options) => runCheck(ctx, options)),
  );
  command.addCommand(
    withNewPassphrase(
      withRootPassphrase(withPassphrase(dryRun(new Command('passphrase').summary('change the passphrase')))),
    ).action((options) => runPassphrase(ctx, options)),
  );
  command.addCommand(backupCommand(ctx));
  command.addCommand(restoreCommand(ctx));
  command.addCommand(
    withRootPassphrase(
      withPassphrase(dryRun(new Command('rewrap').summary('new master keys: every private key is sealed anew'))),
    ).action((options) => runRewrap(ctx, options)),
  );
  command.addCommand(slotCommand(ctx));
  return command;
}

function backupCommand(ctx: Context): Command {
  const command = new Command('backup')
    .summary('write everything into one encrypted file, proven by a trial restore')
    .option('--out <file>', 'the file; it must not be there yet')
    .option('--new-key-file <path>', 'a key file for the backup, made where it is absent');
  return withNewPassphrase(withRootKeystore(withPassphrase(dryRun(command)))).action((options) =>
    runBackup(ctx, options),
  );
}

function restoreCommand(ctx: Context): Command {
  const command = new Command('restore')
    .summary('put a keystore back from a backup, into a new place')
    .argument('<file>', 'what keystore backup wrote')
    .option('--accept-loss', 'although it lacks what this user has seen of the keystore, or what a CRL has')
    .addOption(repeatable('--crl <file>', 'CRLs that servers have: whatever they have and the backup lacks is named'));
  const root = 'where to put the root domain, when the backup has it apart';
  return withRootKeystore(withPassphrase(dryRun(command)), root).action((file, options) =>
    runRestore(ctx, file, options),
  );
}

function slotCommand(ctx: Context): Command {
  const domain = () => choice('--domain <domain>', 'daily (issuing and audit keys) or root', ['daily', 'root']);
  const slot = new Command('slot').summary('what opens the keystore: passphrases and key files');
  slot.addCommand(new Command('list').summary('list the slots').action(() => runSlotList(ctx)));
  slot.addCommand(
    withNewPassphrase(
      withRootPassphrase(
        withPassphrase(
          dryRun(
            new Command('add')
              .summary('add a slot')
              .argument('<name>', "the slot's name")
              .addOption(domain().default('daily'))
              .option('--new-key-file <path>', 'a key-file slot with this file, made where it is absent')
              .option('--shares <m-of-n>', 'a passphrase in n shares, of which any m open it, such as 3of5')
              .option('--shares-out <dir>', 'write the shares there, one a file'),
          ),
        ),
      ),
    ).action((name, options) => runSlotAdd(ctx, name, options)),
  );
  slot.addCommand(
    withRootPassphrase(
      withPassphrase(
        dryRun(
          new Command('remove').summary('remove a slot').argument('<name>', "the slot's name").addOption(domain()),
        ),
      ),
    ).action((name, options) => runSlotRemove(ctx, name, options)),
  );
  return slot;
}
