import type { Host } from './host.ts';
import { LocalHost } from './local-host.ts';
import { SshHost } from './ssh-host.ts';

/** The host that a node is on. @param ssh as the inventory says; undefined: this one. @throws ERR_CONFIG */
export function openHost(ssh: string | undefined): Host {
  return ssh === undefined ? new LocalHost() : new SshHost(ssh);
}
