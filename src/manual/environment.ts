/** The variables that commands read. A flag wins over its variable; one that is set but empty is an error. */
export const VARIABLES: Readonly<Record<string, string>> = {
  CLUSTER_CA_KEYSTORE: 'The keystore, as `--keystore`.',
  CLUSTER_CA_PASSPHRASE_FILE: 'A file that holds the passphrase, as `--passphrase-file`.',
  CLUSTER_CA_PASSPHRASE_COMMAND: 'A command that prints the passphrase, as `--passphrase-command`.',
  CLUSTER_CA_PASSPHRASE: 'The passphrase itself. It is not handed on to other programs.',
  CLUSTER_CA_KEY_FILE: 'A key file that opens the keystore, as `--key-file`.',
  CLUSTER_CA_INVENTORY: 'The inventory, as `--inventory`.',
  CLUSTER_CA_NO_INPUT: 'Set to anything but 0: never ask, as `--no-input`.',
  CREDENTIALS_DIRECTORY:
    'Where systemd puts the credentials of a unit: `serve` takes `cluster-ca.key`, a key file, or `cluster-ca.passphrase`.',
  NO_COLOR: 'Set to anything: no colour.',
  TERM: 'No colour and no progress where it is `dumb`.',
  XDG_DATA_HOME: 'Keystores are in *XDG_DATA_HOME*`/cluster-ca`; without it in `~/.local/share/cluster-ca`.',
  XDG_STATE_HOME:
    'Anchors, by which an older copy of a keystore is told, are in *XDG_STATE_HOME*`/cluster-ca/anchors`; without it in `~/.local/state/cluster-ca/anchors`.',
};
