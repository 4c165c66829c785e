/** What `init` was asked for; lifetimes in seconds. What is absent becomes what an expert would choose. */
export interface PolicyOptions {
  domains?: string[] | undefined;
  permitIp?: string[] | undefined;
  planes?: string[] | undefined;
  keyType?: string | undefined;
  nodeKeyType?: string | undefined;
  rootLifetime?: number | undefined;
  issuingLifetime?: number | undefined;
  nodeLifetime?: number | undefined;
  rotateBefore?: number | undefined;
  alertBefore?: number | undefined;
  crlLifetime?: number | undefined;
  crlUrl?: string | undefined;
  /** An outage of the CA, in seconds, that the lifetimes are to tolerate. */
  tolerateCaOutage?: number | undefined;
}
