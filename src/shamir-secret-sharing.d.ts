/** What is used of it, so that the types are checked in a checkout that was not installed since it came. */
declare module 'shamir-secret-sharing' {
  export function split(secret: Uint8Array, shares: number, threshold: number): Promise<Uint8Array[]>;
  export function combine(shares: Uint8Array[]): Promise<Uint8Array>;
}
