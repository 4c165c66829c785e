import type { Service } from '../inventory/services.ts';
import type { IssueItem } from '../issuance/item.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { PathFailure } from '../pki/path/index.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import type { Crl } from '../pki/x509/crl.ts';
import type { DiskFacts } from './disk.ts';
import type { ServedFacts } from './served.ts';

/** A certificate in use, and what is known of it. */
export interface UsedCertificate {
  certificate: Certificate;
  fingerprint: string;
  /** Its row in the log, when it is one of this keystore's. */
  row: IssuedCertificate | undefined;
  /** What path validation finds, with the keystore's anchors, its own chain and the log. */
  failures: PathFailure[];
}

/** All that is known of one service; what is compared is here, and nothing else. */
export interface ServiceFacts {
  service: Service;
  /** What the inventory asks for. */
  wanted: IssueItem | undefined;
  issued: UsedCertificate | undefined;
  disk: DiskFacts;
  onDisk: UsedCertificate | undefined;
  /** Undefined: it has no address. */
  served: ServedFacts | undefined;
  inUse: UsedCertificate | undefined;
}

/** What a keystore says of the whole cluster. */
export interface ClusterFacts {
  now: Date;
  /** By which what is served is judged: during a rollover both. */
  roots: Certificate[];
  /** What the trust bundle holds now. */
  bundle: Certificate[];
  /** The issuing CAs; the last is the one that signs now. */
  issuing: Certificate[];
  /** The current CRL of each CA. */
  crls: Crl[];
  /** The cluster rests on another CA, which is being taken over: nothing is to be issued yet. */
  restsOnOthers: boolean;
}
