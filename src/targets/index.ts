import type { ServiceKind } from '../inventory/services.ts';
import { etcdTarget } from './etcd.ts';
import { execTarget } from './exec.ts';
import { filesTarget } from './files.ts';
import { haproxyTarget } from './haproxy.ts';
import { nginxTarget } from './nginx.ts';
import { postgresTarget } from './postgres.ts';
import { redisTarget } from './redis.ts';
import { sentinelTarget } from './sentinel.ts';
import type { Target } from './target.ts';

/** Every kind that can be deployed to. */
const TARGETS: Partial<Record<ServiceKind, Target>> = {
  redis: redisTarget as Target,
  sentinel: sentinelTarget as Target,
  etcd: etcdTarget as Target,
  haproxy: haproxyTarget as Target,
  postgres: postgresTarget as Target,
  nginx: nginxTarget as Target,
  files: filesTarget as Target,
  exec: execTarget as Target,
};

/** How one kind of server takes new files; undefined for a kind that cannot be deployed to. */
export function targetOf(kind: ServiceKind): Target | undefined {
  return TARGETS[kind];
}
